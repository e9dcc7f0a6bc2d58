"""Action runs that are stopped: at each step once, each time in another way, and at a few moments of chance."""

from __future__ import annotations

from itertools import groupby

from tests.faults.cancel import AnyMomentCell, CancelCell, Stop, cancel_cells
from tests.faults.playing import play


def test_a_run_that_is_stopped_at_any_step_says_what_became_of_its_mail() -> None:
    cells = [cell for cell in cancel_cells() if isinstance(cell, CancelCell)]
    grouped = [list(group) for _, group in groupby(cells, lambda cell: (cell.stop, cell.step, cell.acted))]
    chosen = [group[turn * 5 % len(group)] for turn, group in enumerate(grouped)]
    assert {cell.stop for cell in chosen} == set(Stop)
    wrong = {cell.name: str(judgement) for cell, judgement in play(chosen[::2]) if not judgement.is_clean}
    assert wrong == {}


def test_a_run_that_is_stopped_at_any_moment_does_so_too() -> None:
    cells = [AnyMomentCell(seed, stop, chunking=seed % 2 == 0) for seed in range(3) for stop in Stop]
    wrong = {cell.name: str(judgement) for cell, judgement in play(cells) if not judgement.is_clean}
    assert wrong == {}
