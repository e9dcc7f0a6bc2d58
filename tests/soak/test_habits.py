"""The account of the habits sees what is wrong, and where more is in doubt by BDAT than by DATA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.faults.habits import HabitCell
from tests.faults.judge import Judgement
from tests.faults.playing import Playable
from tests.soak import habits
from tests.soak.habits import play_habits

NOTHING = "false_sent=0 false_not_sent=0 duplicates=0 unknown_outside_window=0"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, bool, int], Judgement]:
    """What is said of a cell, by its habit, whether it is by BDAT, and whether in a window; others are clean."""
    said: dict[tuple[str, bool, int], Judgement] = {}

    def play(cells: Iterable[Playable], _at_once: int) -> Iterator[tuple[Playable, Judgement]]:
        for cell in cells:
            assert isinstance(cell, HabitCell)
            yield cell, said.get((cell.habit, cell.chunking, cell.window > 1), Judgement())

    monkeypatch.setattr(habits, "play", play)
    return said


def test_nothing_is_wrong_where_nothing_is(judged: dict[tuple[str, bool, int], Judgement]) -> None:
    account = play_habits(0, "7")
    assert account.wrong == []
    assert account.lines() == [f"habits=28 rounds=1 {NOTHING} unknown=0 unknown_by_data=0 in_window=0"]


def test_what_is_false_is_counted_and_told(judged: dict[tuple[str, bool, int], Judgement]) -> None:
    judged["none", True, False] = Judgement(Counter(duplicates=1))
    account = play_habits(0, "7")
    assert len(account.wrong) == 2  # pipelined and in steps
    assert "duplicates=2" in account.lines()[-1]


def test_more_in_doubt_by_bdat_than_by_data_is_wrong(judged: dict[tuple[str, bool, int], Judgement]) -> None:
    judged["closes after 1", True, False] = Judgement(unknown=2)
    judged["closes after 1", False, False] = Judgement(unknown=1)
    account = play_habits(0, "7")
    assert any("2 unknown, by DATA 1" in line for line in account.wrong)
    assert "habit: closes after 1: unknown by BDAT 4; DATA 2; window 0" in account.lines()


def test_what_is_in_doubt_in_a_window_is_counted_and_not_wrong(
    judged: dict[tuple[str, bool, int], Judgement],
) -> None:
    judged["closes after 1", True, True] = Judgement(unknown=9)
    account = play_habits(0, "7")
    assert account.wrong == []
    assert account.lines()[-1].endswith("unknown=0 unknown_by_data=0 in_window=9")
