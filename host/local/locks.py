"""Locks that a process holds as long as it lives: what ends it, even kill -9, gives them back."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

_LOOK_AGAIN = 0.01

_held: set[int] = set()


class Lock:
    """A lock file that is held. Not for several threads at once."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        _held.add(descriptor)

    def free(self, *, remove: bool = False) -> None:
        """Give it back, and with `remove` take the file away while it is still ours. Never raises."""
        if self._descriptor in _held:
            if remove:
                with suppress(OSError):
                    self.path.unlink(missing_ok=True)
            _held.discard(self._descriptor)
            os.close(self._descriptor)


def take(path: Path) -> Lock | None:
    """The lock of this file, which is made if need be; None while somebody else has it. Raises `OSError`."""
    return _locked(path, os.O_RDWR | os.O_CREAT)


def share(path: Path) -> Lock:
    """The lock of this file together with others that share it; waits for who holds it alone. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor)


def take_if_there(path: Path) -> Lock | None:
    """The same, for a file that is there. Raises `OSError`, `FileNotFoundError` where there is none."""
    return _locked(path, os.O_RDWR)


def wait_for(path: Path, seconds: float) -> Lock:
    """The lock of this file as soon as it is free. Raises `OSError`, after so many seconds `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while (lock := take(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_LOOK_AGAIN)
    return lock


def _locked(path: Path, flags: int) -> Lock | None:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(path, descriptor)


def _forget() -> None:
    """A forked child has its parent's open files: a lock in them would outlive the parent."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)
