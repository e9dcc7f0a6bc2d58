"""What lasts as long as one action run: what it keeps open, and whether somebody asked it to stop."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar, cast

from auth.settings import MakeRedirect

T = TypeVar("T")


class Lifetime:
    """`contract.Context.once` and `is_cancelled`, and what ends them. The contexts of all hosts are built on it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._kept: dict[object, tuple[Any, Callable[[Any], None]]] = {}
        self._is_cancelled = False

    def once(self, make: Callable[[], T], close: Callable[[T], None]) -> T:
        """What `make` returned the first time in this run. A function defined inside another is the same each time."""
        key = getattr(make, "__code__", make)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = (make(), close)
            return cast(T, self._kept[key][0])

    def close(self) -> None:
        """Close what was made, the youngest first. Never raises: the results are known already, and stand."""
        with self._lock:
            while self._kept:
                _, (kept, close) = self._kept.popitem()
                try:
                    close(kept)
                except (Exception, KeyboardInterrupt):  # noqa: BLE001, S112 - rude at QUIT changes no result
                    continue

    def sent(self, octets: int, size: int) -> None:
        """Nothing, unless a host has somebody who watches a large message leave."""

    @property
    def redirect(self) -> MakeRedirect | None:
        """None: a browser on this machine is sent back to the run itself."""
        return None

    def cancel(self) -> None:
        """Ask the run to stop. Takes no lock: it is called from signal handlers."""
        self._is_cancelled = True

    def is_cancelled(self) -> bool:
        return self._is_cancelled
