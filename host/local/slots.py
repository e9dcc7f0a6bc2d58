"""The connections to an account: all processes that use a data folder, or a database, share its `max_connections`.

A connection's place is the lock on a file, or one of the database, so whatever ends a process gives its places back.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from delivery.asset import Asset
from delivery.pool import Slot
from host.local import locks, sql
from host.local.files import StoreError, private_folder, reason
from host.local.limits import account_of

FOLDER = "slots"
LOOK_AGAIN = 0.5
"""Seconds between two questions to a server whether somebody waits."""


class MachineSlots:
    """`delivery.pool.Slots` by files of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._asked = 0.0
        self._was_wanted = False

    def take(self, asset: Asset) -> Slot | None:
        """A place, None while others have them all. Raises `StoreError`."""
        name = account_of(asset)
        if sql.is_server():
            from host.local import postgres

            return postgres.take(*(f"slot-{name}-{number}" for number in range(1, asset.max_connections + 1)))
        for number in range(1, asset.max_connections + 1):
            path = private_folder(self._folder) / f"{name}-{number}.lock"
            try:
                lock = locks.take(path)
            except OSError as error:
                raise StoreError(f"{path} can't be locked: {reason(error)}.") from error
            if lock is not None:
                return lock
        return None

    def wait(self, asset: Asset) -> Slot:
        """Let the others know that somebody waits for a place, until the slot that is returned is freed."""
        if sql.is_server():
            from host.local import postgres

            return postgres.share(f"wanted-{account_of(asset)}")
        path = private_folder(self._folder) / f"{account_of(asset)}-wanted.lock"
        try:
            return locks.share(path)
        except OSError as error:
            raise StoreError(f"{path} can't be locked: {reason(error)}.") from error

    def is_wanted(self, asset: Asset) -> bool:
        """Whether somebody waits for a place."""
        if sql.is_server():
            return self._is_wanted_at_the_server(account_of(asset))
        try:
            lock = locks.take_if_there(self._folder / f"{account_of(asset)}-wanted.lock")
        except OSError:
            return False  # nobody ever waited, or nobody can say so
        if lock is None:
            return True
        lock.free()
        return False

    def _is_wanted_at_the_server(self, account: str) -> bool:
        """As it was a moment ago: it is asked before every message."""
        from host.local import postgres

        if time.monotonic() - self._asked > LOOK_AGAIN:
            self._asked = time.monotonic()
            lock = postgres.take(f"wanted-{account}")
            if lock is not None:
                lock.free()
            self._was_wanted = lock is None
        return self._was_wanted


class Reserved:
    """`delivery.pool.Slots` of a run that has its first place already, and so never claims mails that it can't send."""

    def __init__(self, slots: MachineSlots, first: Slot) -> None:
        self._slots = slots
        self._lock = threading.Lock()
        self._first: Slot | None = first

    def take(self, asset: Asset) -> Slot | None:
        """As `Slots.take`: the place that was reserved, once, then any other."""
        with self._lock:
            first, self._first = self._first, None
        return first if first is not None else self._slots.take(asset)

    def wait(self, asset: Asset) -> Slot:
        return self._slots.wait(asset)

    def is_wanted(self, asset: Asset) -> bool:
        return self._slots.is_wanted(asset)

    def close(self) -> None:
        """Give the place back if it was not taken."""
        with self._lock:
            first, self._first = self._first, None
        if first is not None:
            first.free()
