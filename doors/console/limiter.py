"""Failed sign-ins are counted, so that nobody can try one password after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

WINDOW = 15 * 60.0
"""Seconds for which a failure counts."""
MOST_FOR_A_NAME = 10
MOST_FOR_A_PLACE = 50
_MOST_KNOWN = 10_000
_LONGEST_NAME = 100
"""Characters of a name that is counted: anybody can send one of any length, and it is kept for a while."""


class Limiter:
    """Counts failures for a name and for a network address, "" where that isn't known. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, list[float]] = {}

    def wait(self, name: str, place: str) -> float:
        """Seconds until another try is allowed; 0 is now."""
        with self._lock:
            of_place = self._wait(f"place {place}", MOST_FOR_A_PLACE) if place else 0.0
            return max(self._wait(_of_name(name), MOST_FOR_A_NAME), of_place)

    def failed(self, name: str, place: str) -> None:
        with self._lock:
            if len(self._failures) > _MOST_KNOWN:
                self._failures = {key: times for key, times in self._failures.items() if self._recent(key)}
            for key in (_of_name(name), f"place {place}"):
                self._failures[key] = [*self._recent(key), self._clock()]

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._failures.pop(_of_name(name), None)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - WINDOW
        return [when for when in self._failures.get(key, ()) if when > since]

    def _wait(self, key: str, most: int) -> float:
        recent = self._recent(key)
        return 0.0 if len(recent) < most else recent[-most] + WINDOW - self._clock()


def _of_name(name: str) -> str:
    return f"name {name[:_LONGEST_NAME].casefold()}"
