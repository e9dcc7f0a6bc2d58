"""Run the whole matrix: `python -m tests.faults [part of a cell's name]`. Exit code 1 unless all is as it must be."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.faults.cell import Cell, cells, run
from tests.faults.judge import COUNTS, Judgement

THREADS = 32


def _run(cell: Cell) -> Judgement:
    try:
        return run(cell)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this cell's finding
        return Judgement(surprises=[f"raised {error!r}"])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(wanted: str = "") -> int:
    chosen = [cell for cell in cells() if wanted in cell.name]
    totals: Counter[str] = Counter()
    surprised = 0
    with ThreadPoolExecutor(THREADS) as threads:
        for cell, judgement in zip(chosen, threads.map(_run, chosen), strict=True):
            totals.update(judgement.counts)
            surprised += not judgement.is_clean
            if not judgement.is_clean:
                wrong = [f"{name}={number}" for name, number in judgement.counts.items()]
                say(f"{cell.name}: {'; '.join([*wrong, *judgement.surprises])}")
    if surprised:
        say(f"{surprised} cells are not as the matrix has them")
    say(" ".join([f"cells={len(chosen)}", *(f"{name}={totals[name]}" for name in COUNTS)]))
    return 1 if surprised or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
