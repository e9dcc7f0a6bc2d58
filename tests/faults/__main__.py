"""Run the whole matrix: `python -m tests.faults [part of a cell's name]`. Exit code 1 unless all is as it must be."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Protocol

from tests.faults.cell import cells
from tests.faults.cuts import cuts
from tests.faults.judge import COUNTS, Judgement
from tests.faults.scenarios import scenarios

THREADS = 32
"""Most cells wait most of the time."""


class Playable(Protocol):
    @property
    def name(self) -> str: ...

    def run(self) -> Judgement: ...


def everything() -> Iterator[Playable]:
    return chain(cells(), scenarios(), cuts())


def main(wanted: str = "") -> int:
    chosen = [cell for cell in everything() if wanted in cell.name]
    totals: Counter[str] = Counter()
    surprised = 0
    with ThreadPoolExecutor(THREADS) as threads:
        for cell, judgement in zip(chosen, threads.map(_run, chosen), strict=True):
            totals.update(judgement.counts)
            surprised += not judgement.is_clean
            if not judgement.is_clean:
                _say(f"{cell.name}: {judgement}")
    if surprised:
        _say(f"{surprised} cells are not as the matrix has them")
    _say(" ".join([f"cells={len(chosen)}", *(f"{name}={totals[name]}" for name in COUNTS)]))
    return 1 if surprised or not chosen else 0


def _run(cell: Playable) -> Judgement:
    try:
        return cell.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this cell's finding
        return Judgement(surprises=[f"raised {error!r}"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
