"""Every habit, one message at a time and in a window: nothing false, and no more in doubt than by DATA."""

from __future__ import annotations

from tests.faults.habits import HabitCell, excess, habit_cells
from tests.faults.playing import play


def test_whatever_habits_a_server_has_what_is_said_is_so() -> None:
    unknown: dict[HabitCell, int] = {}
    wrong: dict[str, str] = {}
    for cell, judgement in play(habit_cells()):
        assert isinstance(cell, HabitCell)
        unknown[cell] = judgement.unknown
        if not judgement.is_clean:
            wrong[cell.name] = str(judgement)
    assert wrong == {}
    assert excess(unknown) == []
