"""How long work takes with ten times as much of the same: processor time, so that other processes do not count."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from tests.growth.shapes import Shape

SIZES = (1_000, 10_000, 100_000)
"""Characters. Work whose time is in the square of them takes a hundred times as long from one to the next."""
FACTOR = 25
"""So many times longer, for ten times as much, is still taken for linear on a machine that is busy."""
SHORT = 0.02
"""Seconds for the largest size that are not worth a comparison, nor are smaller ones if even their square is less."""
LONG = (0.5, 1.0, 5.0)
"""Seconds that nothing may take for each of the sizes, even if it grows evenly."""
TRIES = 4


def growth(work: Callable[[str], object], shape: Shape) -> str:
    """What is wrong with how the time of `work` grows with the size of `shape`, in words; empty: nothing."""
    texts = [shape.of(size) for size in SIZES]
    seconds = []
    for size, text, most in zip(SIZES, texts, LONG, strict=True):
        seconds.append(_seconds(work, text))
        if seconds[-1] > most:
            return f"{shape}: {seconds[-1]:.1f} s for {size} characters"
        if seconds[-1] * SIZES[-1] ** 2 / size**2 < SHORT:
            return ""
    _, medium, large = seconds
    for _ in range(TRIES):
        if large < SHORT or large < medium * FACTOR:
            return ""
        medium, large = min(medium, _seconds(work, texts[1])), min(large, _seconds(work, texts[2]))
    if large < SHORT or large < medium * FACTOR:
        return ""
    return f"{shape}: {medium:.4f} s for {SIZES[1]} characters, {large:.4f} s for {SIZES[2]}"


def _seconds(work: Callable[[str], object], text: str) -> float:
    """Without the collector of garbage: it looks through everything that this process has, and not at `text` alone."""
    gc.disable()
    try:
        before = time.process_time()
        work(text)
        return time.process_time() - before
    finally:
        gc.enable()
