"""Times that can be compared: taken in turns, so that whatever else the machine does strikes all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median


def medians(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each contender returned, over `rounds` rounds in which each has one turn.

    What is loaded at its first use is loaded in a round before them that does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            value = run()
            if number:
                taken[name].append(value)
    return {name: median(values) for name, values in taken.items()}


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
