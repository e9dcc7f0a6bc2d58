"""The other clients in the matrix: they work, so that what they are wrong about is theirs and not the judge's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.cell import TRANSPORTS, Cell, Mode
from tests.faults.matrix import Expected, Row
from tests.faults.others import OtherCell
from tests.faults.table import Row as Line
from tests.faults.table import record
from tests.support.scripted import Fault, Kind, Step

LIBRARIES = ("smtplib", "aiosmtplib")


def counts(name: str, fault: Fault, tls: str = "plain") -> dict[str, int]:
    cell = Cell(Row(fault, Expected.NOT_SENT), tls, pipelining=False, chunking=False, mode=Mode.SEVERAL)
    return {what: number for what, number in OtherCell(cell, name).run().counts.items() if number}


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("tls", TRANSPORTS)
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.END])
def test_they_are_right_about_a_plain_refusal(name: str, tls: str, step: Step) -> None:
    assert counts(name, Fault(step, Kind.PERMANENT), tls) == {}


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_loss_behind_the_end_of_a_message_looks_to_them_like_one_before_it(name: str) -> None:
    assert counts(name, Fault(Step.END, Kind.RESET, acted=False)) == {}
    assert counts(name, Fault(Step.END, Kind.RESET, acted=True)) == {"false_not_sent": 3}


def test_a_row_of_the_table_replaces_the_one_of_the_same_client_whatever_its_version(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for title, cells in (
        ("nodemailer 7.0", 1),
        ("msmtp 1.8", 2),
        ("the connector", 3),
        ("nodemailer 8.0", 4),
    ):
        record(Line(title, cells, 4, 0, 0, 0, 0, 0), ("nodemailer", "msmtp"), page)
    rows = [line.split(" | ")[:2] for line in page.read_text().splitlines() if line.endswith(" |")][2:]
    assert rows == [["| nodemailer 8.0", "4"], ["| msmtp 1.8", "2 of 4"], ["| the connector", "3 of 4"]]
