"""How the time of a piece of work grows with its size: compared with itself, never with a clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Callable

FACTOR = 4
TRIES = 3
MOST = 9
"""Times longer, for four times as much, that is still taken for linear on a busy machine; quadratic would be 16."""


def grows_linearly(work: Callable[[int], object], size: int) -> bool:
    """Whether `work` on four times `size` takes about four times as long. Processor time, the best of two.

    What is quadratic is so each time; what another process disturbed is not.
    """
    return any(_grew_linearly(work, size) for _ in range(TRIES))


def _grew_linearly(work: Callable[[int], object], size: int) -> bool:
    small, large = (min(_seconds(work, n) for _ in range(2)) for n in (size, size * FACTOR))
    return large < max(small, 0.01) * MOST


def _seconds(work: Callable[[int], object], size: int) -> float:
    before = time.process_time()
    work(size)
    return time.process_time() - before
