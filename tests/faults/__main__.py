"""Run the whole matrix: `python -m tests.faults [part of a cell's name]`. Exit code 1 unless all is as it must be.

With `--client NAME` another client's part of it is played by that one, counted fault by fault, and, if it was all of
it, put into docs/reliability-clients.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory

from host.local.home import HOME_VARIABLE
from tests.faults.action import action_cells
from tests.faults.cancel import cancel_cells
from tests.faults.cell import cells
from tests.faults.cuts import cuts, wire_cuts
from tests.faults.habits import HabitCell, excess, habit_cells
from tests.faults.judge import COUNTS
from tests.faults.others import CLIENTS, fails_at, other_cells
from tests.faults.playing import THREADS, Playable, play
from tests.faults.programs import PROCESSES, PROGRAMS
from tests.faults.scenarios import scenarios
from tests.faults.table import Row, record


def main(wanted: str = "") -> int:
    """Print what is wrong, cell by cell, and at last the one line with the counts."""
    totals: Counter[str] = Counter()
    unknown: dict[HabitCell, int] = {}
    played = wrong = 0
    for cell, judgement in play(cell for cell in _everything() if wanted in cell.name):
        played += 1
        totals.update(judgement.counts)
        if isinstance(cell, HabitCell):
            unknown[cell] = judgement.unknown
        if not judgement.is_clean:
            wrong += 1
            _say(f"{cell.name}: {judgement}")
    if wrong:
        _say(f"{wrong} cells are not as the matrix has them")
    if not played:
        _say(f"no cell has {wanted!r} in its name")
    more = _tell_of_habits(unknown)
    _say_counts(played, totals)
    return 1 if wrong or more or not played else 0


def _tell_of_habits(unknown: Mapping[HabitCell, int]) -> list[str]:
    """Print how many mails each habit leaves in doubt, beside the same by DATA; where it is more is told, too."""
    for habit in dict.fromkeys(cell.habit for cell in unknown):
        cells = {cell: number for cell, number in unknown.items() if cell.habit == habit and cell.pipelining}
        if any(cells.values()):
            parts = [
                f"{'BDAT' if cell.chunking else 'DATA'}{', window' if cell.window > 1 else ''} {number}"
                for cell, number in cells.items()
            ]
            _say(f"habit: {habit}: unknown by {'; '.join(parts)}")
    more = excess(unknown) if all(_by_data(cell) in unknown for cell in unknown) else []
    for line in more:
        _say(line)
    by_data = sum(number for cell, number in unknown.items() if not cell.chunking)
    by_bdat = sum(number for cell, number in unknown.items() if cell.chunking and cell.window == 1)
    if unknown:
        _say(f"habits={len({cell.habit for cell in unknown})} unknown={by_bdat} unknown_by_data={by_data}")
    return more


def _by_data(cell: HabitCell) -> HabitCell:
    return replace(cell, chunking=False, window=1)


def compare(client: str, wanted: str = "", every: int = 1) -> int:
    """Print how often another client was wrong about which fault, and the same line; a table gets it if it was all.

    One in `every` cells is played.
    """
    title = PROGRAMS[client].install() if client in PROGRAMS else CLIENTS[client]
    if trouble := fails_at(client):
        _say(f"{title} does not send as it should: {'; '.join(trouble)}")
        return 1
    totals: Counter[str] = Counter()
    by_fault: dict[str, Counter[str]] = {}
    played = wrong = hangs = 0
    all_cells = list(other_cells(client))
    chosen = [cell for cell in all_cells[::every] if wanted in cell.name]
    for cell, judgement in play(chosen, PROCESSES if client in PROGRAMS else THREADS):
        played += 1
        totals.update(judgement.counts)
        wrong += not judgement.is_clean
        hangs += bool(judgement.surprises)
        for surprise in judgement.surprises:
            _say(f"{cell.name}: {surprise}")
        by_fault.setdefault(cell.name.partition(" [")[0], Counter()).update(judgement.counts)
    for fault, counts in by_fault.items():
        if any(counts.values()):
            _say(f"{fault}: " + " ".join(f"{name}={number}" for name, number in counts.items() if number))
    _say(f"{title} was wrong in {wrong} cells")
    _say_counts(played, totals)
    if played and not wanted:
        counted = (totals["false_sent"], totals["false_not_sent"], totals["duplicates"])
        record(Row(title, played, len(all_cells), wrong, *counted, hangs), tuple(CLIENTS))
    return 0 if played else 1


def _everything() -> Iterator[Playable]:
    yield from cells()
    yield from scenarios()
    yield from habit_cells()
    yield from action_cells()
    yield from cancel_cells()
    yield from cuts()
    yield from wire_cuts()


def _say_counts(played: int, totals: Counter[str]) -> None:
    _say(" ".join([f"cells={played}", *(f"{name}={totals[name]}" for name in COUNTS)]))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("part", nargs="?", default="", help="only cells with this in their name")
    parser.add_argument("--client", choices=CLIENTS, help="another client, for comparison")
    parser.add_argument("--every", type=int, default=1, help="with --client: one in so many cells")
    given = parser.parse_args()
    with TemporaryDirectory() as home:
        os.environ[HOME_VARIABLE] = home
        code = compare(given.client, given.part, given.every) if given.client else main(given.part)
    sys.exit(code)
