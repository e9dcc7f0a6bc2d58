"""Cells of every kind, and many of them played at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from tests.faults.judge import Judgement

THREADS = 32
"""Most cells wait most of the time."""


class Playable(Protocol):
    """A cell: a server, messages for it, and a judgement."""

    @property
    def name(self) -> str: ...

    def run(self) -> Judgement: ...


def play(cells: Iterable[Playable], at_once: int = THREADS) -> Iterator[tuple[Playable, Judgement]]:
    """Play them, so many at once, and give each with its judgement, in their order."""
    chosen = list(cells)
    with ThreadPoolExecutor(at_once) as threads:
        yield from zip(chosen, threads.map(_played, chosen), strict=True)


def _played(cell: Playable) -> Judgement:
    try:
        return cell.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this cell's finding
        return Judgement(surprises=[f"raised {error!r}"])
