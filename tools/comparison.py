"""The README's comparison with other clients, taken from the figures that were measured last.

`make bench` writes docs/performance-results.md, and `make faults CLIENT=…` docs/reliability-clients.md. Nothing here is
a figure, so none can go stale: a row names the section and the lines that it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CLIENTS = ("this connector", "smtplib", "aiosmtplib", "nodemailer")
NOT_MEASURED = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what was measured, the section and column of the results, the line of each client, and the command."""

    what: str
    section: str
    column: str
    lines: tuple[str | None, str | None, str | None, str | None]
    command: str
    unit: str = ""


PERFORMANCE = (
    Row(
        "300 mails over a link with a 50 ms round trip",
        "300 mails in one action run, 50 ms round trip, server with CHUNKING",
        "s",
        (
            "connector, by default",
            "smtplib, kept connection",
            "aiosmtplib, kept connection",
            "nodemailer, pooled",
        ),
        "make bench PART=window",
        "s",
    ),
    Row(
        "the same, with `window: 20`",
        "300 mails in one action run, 50 ms round trip, server with CHUNKING",
        "s",
        ("connector, a window of 20", None, None, None),
        "make bench PART=window",
        "s",
    ),
    Row(
        "the same, with a connection for each mail",
        "300 mails in one action run, 50 ms round trip, server with CHUNKING",
        "s",
        (None, "smtplib, a connection per message", None, None),
        "make bench PART=window",
        "s",
    ),
    Row(
        "one mail to 1,000 recipients, 50 ms",
        "1,000 recipients against 1, 50 ms",
        "s",
        ("connector, 1,000", "smtplib, 1,000", None, None),
        "make bench PART=recipients",
        "s",
    ),
    Row(
        "round trips to connect, STARTTLS, log in, and send one mail to 10",
        "First message: connect, STARTTLS, login, 10 recipients",
        "round trips",
        ("connector, CHUNKING", "smtplib", None, None),
        "make bench PART=first",
    ),
    Row(
        "mails composed and sent per second, loopback, over one connection, nothing written down",
        "Whole action (parameters, composed, sent), 300 in a run, loopback",
        "mails/s",
        (
            "connector, over one session, not recorded",
            "smtplib, kept connection",
            "aiosmtplib, kept connection",
            "nodemailer, pooled",
        ),
        "make bench PART=action",
    ),
    Row(
        "the same by default: three connections, each mail on the disk before it leaves",
        "Whole action (parameters, composed, sent), 300 in a run, loopback",
        "mails/s",
        ("connector, by default", None, None, None),
        "make bench PART=action",
    ),
    Row(
        "memory while an attachment of 100 MB is sent",
        "Attachment of 100 MB: memory",
        "MiB",
        ("connector, 100 MB", "smtplib, 100 MB", None, None),
        "make bench PART=memory",
        "MiB",
    ),
)
FAULTS = (
    ("faults played against it", "cells"),
    ("… in which it said *sent* of a mail that was not", "false sent"),
    ("… in which it said *not sent* of a mail that was", "false not sent"),
)
FAULT_LINES = ("the connector", "smtplib", "aiosmtplib", "nodemailer")
"""What the names of these lines begin with: their versions stand behind."""
FAULT_COMMAND = "make faults CLIENT=smtplib"


def comparison(results: str, clients: str) -> str:
    """The table as Markdown, from the texts of the two documents. Raises `KeyError` for a figure that is not there."""
    lines = [
        f"| | {' | '.join(CLIENTS)} | measured by |",
        f"| --- |{' ---: |' * len(CLIENTS)} --- |",
    ]
    for row in PERFORMANCE:
        figures = _table(results, row.section)
        cells = [_cell(figures, line, row.column, row.unit) for line in row.lines]
        lines.append(_line(row.what, cells, row.command))
    faults = _table(clients, "The table")
    found = [next((name for name in faults if name.startswith(begin)), begin) for begin in FAULT_LINES]
    for what, column in FAULTS:
        cells = [_cell(faults, line, column) for line in found]
        lines.append(_line(what, cells, FAULT_COMMAND))
    return "\n".join(lines)


def _line(what: str, cells: Sequence[str], command: str) -> str:
    return f"| {what} | {' | '.join(cells)} | `{command}` |"


def _cell(figures: dict[str, dict[str, str]], line: str | None, column: str, unit: str = "") -> str:
    if line is None:
        return NOT_MEASURED
    return f"{figures[line][column]} {unit}".rstrip()


def _table(document: str, section: str) -> dict[str, dict[str, str]]:
    """The first table below the heading `section`: for each line's name its cells by column."""
    parts = re.split(r"^## ", document, flags=re.MULTILINE)
    text = next((part for part in parts if part.startswith(f"{section}\n")), None)
    if text is None:
        raise KeyError(section)
    titles, _, *rows = _rows(text)
    return {row[0]: dict(zip(titles[1:], row[1:], strict=True)) for row in rows}


def _rows(text: str) -> Iterator[list[str]]:
    begun = False
    for line in text.splitlines():
        if line.startswith("|"):
            begun = True
            yield [cell.strip() for cell in line.strip("|").split("|")]
        elif begun:
            return
