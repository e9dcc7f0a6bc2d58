"""Run the whole matrix: `python -m tests.faults [part of a cell's name]`. Exit code 1 unless all is as it must be."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

from tests.faults.action import action_cells
from tests.faults.cancel import cancel_cells
from tests.faults.cell import cells
from tests.faults.cuts import cuts, wire_cuts
from tests.faults.judge import COUNTS
from tests.faults.playing import Playable, play
from tests.faults.scenarios import scenarios


def main(wanted: str = "") -> int:
    """Print what is wrong, cell by cell, and at last the one line with the counts."""
    totals: Counter[str] = Counter()
    played = wrong = 0
    for cell, judgement in play(cell for cell in _everything() if wanted in cell.name):
        played += 1
        totals.update(judgement.counts)
        if not judgement.is_clean:
            wrong += 1
            _say(f"{cell.name}: {judgement}")
    if wrong:
        _say(f"{wrong} cells are not as the matrix has them")
    _say(" ".join([f"cells={played}", *(f"{name}={totals[name]}" for name in COUNTS)]))
    return 1 if wrong or not played else 0


def _everything() -> Iterator[Playable]:
    yield from cells()
    yield from scenarios()
    yield from action_cells()
    yield from cancel_cells()
    yield from cuts()
    yield from wire_cuts()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
