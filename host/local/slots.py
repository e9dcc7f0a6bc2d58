"""The connections of this machine: all processes that use a data folder share an account's `max_connections`.

A connection's place is the lock on a file, so whatever ends a process gives its places back.
"""

from __future__ import annotations

from pathlib import Path

from delivery.asset import Asset
from delivery.pool import Slot
from host.local import locks
from host.local.files import StoreError, private_folder, reason
from host.local.limits import account_of

FOLDER = "slots"


class MachineSlots:
    """`delivery.pool.Slots` by files of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def take(self, asset: Asset) -> Slot | None:
        """A place, None while others have them all. Raises `StoreError`."""
        name = account_of(asset)
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
        path = private_folder(self._folder) / f"{account_of(asset)}-wanted.lock"
        try:
            return locks.share(path)
        except OSError as error:
            raise StoreError(f"{path} can't be locked: {reason(error)}.") from error

    def is_wanted(self, asset: Asset) -> bool:
        """Whether somebody waits for a place."""
        try:
            lock = locks.take_if_there(self._folder / f"{account_of(asset)}-wanted.lock")
        except OSError:
            return False  # nobody ever waited, or nobody can say so
        if lock is None:
            return True
        lock.free()
        return False
