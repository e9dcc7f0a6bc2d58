"""A slice of the fault matrix: every fault once, each time in another combination. `make faults` runs them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TypeVar

import pytest

from tests.faults.action import ActionCell, action_cells
from tests.faults.cell import Cell, cells
from tests.faults.cuts import cuts, wire_cuts
from tests.faults.judge import Judgement
from tests.faults.playing import Playable, play
from tests.faults.scenarios import ScenarioCell, scenarios

T = TypeVar("T", Cell, ScenarioCell, ActionCell)


def _slice() -> Iterator[Playable]:
    """One cell of each row, one of each scenario, and one action run of each row, going round the combinations."""
    for turn, (_, group) in enumerate(groupby(cells(), lambda cell: cell.row)):
        yield _one_of(list(group), turn)
    for turn, (_, others) in enumerate(groupby(scenarios(), lambda cell: cell.scenario)):
        yield _one_of(list(others), turn)
    for turn, (_, runs) in enumerate(groupby(action_cells(), lambda cell: cell.row)):
        yield _one_of(list(runs), turn)


def _one_of(group: list[T], turn: int) -> T:
    return group[turn * 7 % len(group)]


SLICE = tuple(_slice())


@pytest.fixture(scope="module")
def judgements() -> Mapping[str, Judgement]:
    return {cell.name: judgement for cell, judgement in play(SLICE)}


@pytest.mark.parametrize("name", [cell.name for cell in SLICE])
def test_what_is_said_is_what_the_server_did(judgements: Mapping[str, Judgement], name: str) -> None:
    assert str(judgements[name]) == ""


def test_a_cut_connection_is_told_of_as_it_was_wherever_it_is_cut() -> None:
    wrong = {cell.name: str(judgement) for cell, judgement in play(_some_cuts()) if not judgement.is_clean}
    assert wrong == {}


def _some_cuts() -> Iterator[Playable]:
    yield from (cell for number, cell in enumerate(cuts()) if number % 41 == 0)
    yield from (cell for number, cell in enumerate(wire_cuts()) if number % 11 == 0)
