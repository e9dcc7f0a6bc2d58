"""What happened is replayed through the model, and what can't have happened is found by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.traces import chosen, trace_of
from tools.model import Replay

SENT = [1, 1, 1, 1, 1, 1, 1, 1]
NOT_SENT = [0, 0, 0, 0, 0, 0, 0, 3]


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with Replay() as model:
        yield model


@pytest.mark.parametrize("name", ["banner: 5xx", "MAIL: 4xx", "RCPT: 5xx", "end: 4xx", "end: close"])
def test_what_happened_in_a_cell_of_the_matrix_can_happen_in_the_model(replay: Replay, name: str) -> None:
    cell = next(cell for cell in chosen() if cell.row.name.startswith(name))
    assert replay.fault(trace_of(cell)) == ""


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([1, 1, 0, 1, 1, 1, 1, 1], "false sent"),
        ([1, 1, 1, 1, 1, 1, 0, 3], "false not sent"),
        ([1, 2, 1, 1, 1, 1, 1, 1], "doubled"),
        ([0, 1, 1, 1, 1, 1, 1, 1], "the server has what was not committed"),
        ([1, 1, 1, 0, 0, 0, 0, 3], "no answer is taken for a no"),
        ([1, 1, 0, 1, 1, 3, 1, 1], "one recipient's yes is taken for all"),
    ],
)
def test_what_can_not_have_happened_is_found(replay: Replay, facts: list[int], why: str) -> None:
    assert replay.fault([*SENT, *facts, *NOT_SENT]), why
    assert replay.fault([*SENT, *SENT, *NOT_SENT]) == ""
