"""How much memory the processes of a contender take together, as long as they run."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

EVERY = 0.5
"""Seconds between two looks."""


class Memory:
    """Looks at every process that this one starts inside the `with`, and at all that those start.

    What two processes share is counted once (the kernel's PSS). `watch` adds a process that is nobody's child, with
    those that it starts.
    """

    def __init__(self) -> None:
        self._samples: list[float] = []
        self._watched: set[int] = set()
        self._before: set[int] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._before = _with_children({os.getpid()})
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def watch(self, pid: int) -> None:
        self._watched.add(pid)

    @property
    def most(self) -> float:
        """MiB."""
        return max(self._samples, default=0.0)

    @property
    def growth(self) -> float:
        """MiB that the last quarter of the time took more than the second, at most each."""
        quarter = max(1, len(self._samples) // 4)
        return max(self._samples[-quarter:], default=0.0) - max(
            self._samples[quarter : 2 * quarter], default=0.0
        )

    def _look(self) -> None:
        while not self._is_over.wait(EVERY):
            found = _with_children({os.getpid(), *self._watched}) - self._before
            if found:
                self._samples.append(sum(map(_mib, found)))


def _with_children(roots: Iterable[int]) -> set[int]:
    """These processes, and all that came from them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state = (entry / "stat").read_text()
            except OSError:
                continue  # it has ended
            parents[int(entry.name)] = int(state.rpartition(")")[2].split()[1])
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _mib(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0  # it has ended
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    return int(found[1]) / 1024 if found else 0.0
