"""Locks that a process holds as long as it lives: what ends it, even kill -9, gives them back.

One is held for each run (its holder), and one for each connection to an account, of which all processes that use a
data folder, or a database, share `max_connections`. They are files, or locks of a PostgreSQL server.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from delivery.asset import Asset
from delivery.pool import Slot
from host.local.files import DATABASE, StoreError, is_server, private_folder, reason

HOLDERS = "holders"
SLOTS = "slots"
_LOOK_AGAIN = 0.01
_MOST_SECONDS = 30.0
"""To wait for whoever makes the database, which takes milliseconds."""
_ASK_AGAIN = 0.5
"""Seconds between two questions to a server whether somebody waits."""

_held: set[int] = set()


class Lock(NamedTuple):
    """A lock file that is held. Not for several threads at once."""

    path: Path
    descriptor: int

    def free(self, *, remove: bool = False) -> None:
        """Give it back, and with `remove` take the file away while it is still ours. Never raises."""
        if self.descriptor in _held:
            if remove:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            _held.discard(self.descriptor)
            os.close(self.descriptor)


def take(path: Path, *, make: bool = True) -> Lock | None:
    """The lock of this file, which is made if need be, with its folder; None while somebody else has it.

    Raises `OSError`; without `make` `FileNotFoundError` where there is no such file. `StoreError` for the folder.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        if not make:
            raise
        private_folder(path.parent)
        descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    _held.add(descriptor)
    return Lock(path, descriptor)


def share(path: Path) -> Lock:
    """The lock of this file together with others that share it; waits for whoever holds it alone. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    _held.add(descriptor)
    return Lock(path, descriptor)


def wait_for(path: Path, seconds: float) -> Lock:
    """The lock of this file as soon as it is free. Raises `OSError`, after so many seconds `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while (lock := take(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_LOOK_AGAIN)
    return lock


def _forget() -> None:
    """A forked child has its parent's open files: a lock in them would outlive the parent."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While nobody else makes the database or brings it up to date. Raises `StoreError`."""
    path = folder / "store.lock"
    try:
        lock = wait_for(path, _MOST_SECONDS)
    except TimeoutError as error:
        raise StoreError(f"{folder / DATABASE} is being made by another process; try again.") from error
    except OSError as error:
        raise StoreError(f"The data folder {folder} can't be written: {reason(error)}.") from error
    try:
        yield
    finally:
        lock.free()


class Held(Protocol):
    """A lock that lives no longer than its process. The name of its `path` is what a run calls its holder."""

    @property
    def path(self) -> Path: ...

    def free(self, *, remove: bool = False) -> None:
        """Give it back. Never raises."""


def hold(folder: Path) -> Held:
    """A new lock of this process, for a run. Raises `StoreError`."""
    if is_server():
        from host.local import postgres

        held = postgres.take(f"holder-{os.urandom(8).hex()}")
        assert held is not None  # noqa: S101 - nobody else knows the name
        return held
    path = folder / HOLDERS / os.urandom(8).hex()
    try:
        lock = take(path)
    except OSError as error:
        raise StoreError(f"{path} can't be made: {reason(error)}.") from error
    assert lock is not None  # noqa: S101 - nobody else knows the name
    return lock


def is_alive(folder: Path, holder: str) -> bool:
    """Whether the process that holds a run of this data folder still lives. Raises `StoreError`."""
    if is_server():
        from host.local import postgres

        gone = postgres.take(holder)
        if gone is not None:
            gone.free()
        return gone is None
    path = folder / HOLDERS / holder
    try:
        lock = take(path, make=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path} can't be looked at: {reason(error)}.") from error
    if lock is None:
        return True
    lock.free(remove=True)
    return False


def account_of(asset: Asset) -> str:
    """The name of the account in the database and in the names of files."""
    login = asset.login
    named = json.dumps([login.server, login.port, login.username]).encode()
    return hashlib.sha256(named).hexdigest()[:32]


class MachineSlots:
    """`delivery.pool.Slots` by files of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / SLOTS
        self._asked = 0.0
        self._was_wanted = False

    def take(self, asset: Asset) -> Slot | None:
        """A place, None while others have them all. Raises `StoreError`."""
        name = account_of(asset)
        if is_server():
            from host.local import postgres

            return postgres.take(*(f"slot-{name}-{number}" for number in range(1, asset.max_connections + 1)))
        for number in range(1, asset.max_connections + 1):
            path = self._folder / f"{name}-{number}.lock"
            try:
                lock = take(path)
            except OSError as error:
                raise StoreError(f"{path} can't be locked: {reason(error)}.") from error
            if lock is not None:
                return lock
        return None

    def wait(self, asset: Asset) -> Slot:
        """Let the others know that somebody waits for a place, until the slot that is returned is freed."""
        if is_server():
            from host.local import postgres

            return postgres.share(f"wanted-{account_of(asset)}")
        path = private_folder(self._folder) / f"{account_of(asset)}-wanted.lock"
        try:
            return share(path)
        except OSError as error:
            raise StoreError(f"{path} can't be locked: {reason(error)}.") from error

    def is_wanted(self, asset: Asset) -> bool:
        """Whether somebody waits for a place. Never raises."""
        if is_server():
            return self._is_wanted_at_the_server(account_of(asset))
        try:
            lock = take(self._folder / f"{account_of(asset)}-wanted.lock", make=False)
        except OSError:
            return False  # nobody ever waited, or nobody can say so
        if lock is None:
            return True
        lock.free()
        return False

    def _is_wanted_at_the_server(self, account: str) -> bool:
        """As it was a moment ago: it is asked before every message."""
        from host.local import postgres

        if time.monotonic() - self._asked > _ASK_AGAIN:
            self._asked = time.monotonic()
            try:
                lock = postgres.take(f"wanted-{account}")
            except StoreError:
                return False  # nobody can say so
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
