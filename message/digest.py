"""SHA-256 of what is sent. For a large file it is computed beside the sending, by a thread of its own."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

LARGE = 1024 * 1024
"""Octets. Below, a thread costs more than it saves."""
_AHEAD = 1
"""Blocks that may wait for the thread; then the sending waits for it."""


class Digest(Protocol):
    """What is needed of `hashlib`'s, and an end to it."""

    def update(self, block: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...

    def close(self) -> None:
        """Let go of the thread, if there is one."""


def sha256(size: int) -> Digest:
    """For a file of so many octets."""
    return _Beside() if size >= LARGE else _Here()


class _Here:
    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.update = self._digest.update
        self.hexdigest = self._digest.hexdigest

    def close(self) -> None:
        """Nothing is held."""


class _Beside:
    """While `hashlib` is at a block it lets other threads run, and so does the system while it takes octets to send."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor  # it loads `logging`; few mails have large files

        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def update(self, block: bytes, /) -> None:
        self._waiting.append(self._thread.submit(self._digest.update, block))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        self.close()
        return self._digest.hexdigest()

    def close(self) -> None:
        self._thread.shutdown()
