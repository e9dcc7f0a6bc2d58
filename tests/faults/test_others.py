"""The other clients in the matrix: they work, so that what they are wrong about is theirs and not the judge's."""

from __future__ import annotations

import pytest

from tests.faults.cell import TRANSPORTS, Cell, Mode
from tests.faults.matrix import Expected, Row
from tests.faults.others import CLIENTS, OtherCell
from tests.support.scripted import Fault, Kind, Step


def counts(name: str, fault: Fault, tls: str = "plain") -> dict[str, int]:
    cell = Cell(Row(fault, Expected.NOT_SENT), tls, pipelining=False, chunking=False, mode=Mode.SEVERAL)
    return {what: number for what, number in OtherCell(cell, CLIENTS[name]).run().counts.items() if number}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("tls", TRANSPORTS)
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.END])
def test_they_are_right_about_a_plain_refusal(name: str, tls: str, step: Step) -> None:
    assert counts(name, Fault(step, Kind.PERMANENT), tls) == {}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_loss_behind_the_end_of_a_message_looks_to_them_like_one_before_it(name: str) -> None:
    assert counts(name, Fault(Step.END, Kind.RESET, acted=False)) == {}
    assert counts(name, Fault(Step.END, Kind.RESET, acted=True)) == {"false_not_sent": 3}
