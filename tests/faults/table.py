"""docs/reliability-clients.md: what other clients made of their part of the matrix, written by `make faults`."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability-clients.md"
_ABOVE = """\
# The fault matrix and other clients

    make faults CLIENT=smtplib        # or CLIENTS; EVERY=20 plays one in twenty cells

plays the part of the fault matrix that every client can be asked to play, and writes its row here: messages by DATA,
each command on its own, one message and several on a connection, over plain, STARTTLS and SSL, with a server that gets
one thing wrong. The server's own log says what it accepted, and for whom.

*False sent* counts recipients who were said to have the mail and don't; *false not sent* those who were said to have
nothing and do, which is how mails come to be sent twice; *duplicates* those who got it twice by the client's own hand.
*Hangs* counts cells that it did not come back from within a minute. A client whose interface has no word for "unknown"
can't be right about an answer that is lost behind the end of a message: that accounts for most of *false not sent*.

"""
_HEAD = """\
## The table

| client | cells | wrong cells | false sent | false not sent | duplicates | hangs | date | commit |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One client's. `title` has its version."""

    title: str
    cells: int
    of: int
    """How many there are."""
    wrong: int
    false_sent: int
    false_not_sent: int
    duplicates: int
    hangs: int

    def __str__(self) -> str:
        cells = f"{self.cells:,}" if self.cells == self.of else f"{self.cells:,} of {self.of:,}"
        numbers = (self.wrong, self.false_sent, self.false_not_sent, self.duplicates, self.hangs)
        shown = " | ".join(f"{number:,}" for number in numbers)
        return f"| {self.title} | {cells} | {shown} | {datetime.now(UTC):%Y-%m-%d} | {_commit()} |"


def record(row: Row, names: Sequence[str], page: Path = PAGE) -> None:
    """Put the row where one of the same client is, of whatever version, else at the end."""
    before = page.read_text().splitlines() if page.exists() else []
    rows = [line for line in before if line.startswith("| ") and not line.startswith(("| client ", "| ---"))]
    places = [place for place, line in enumerate(rows) if _name(line) == _name(str(row))]
    if places:
        rows[places[0]] = str(row)
    else:
        rows.append(str(row))
    page.write_text(_ABOVE.replace("CLIENTS", ", ".join(names)) + _HEAD + "\n".join(rows) + "\n")


def _name(line: str) -> str:
    """The client of a row without its version, which is its last word."""
    title = line.split("|")[1].strip()
    name, _, last = title.rpartition(" ")
    return name if any(character.isdigit() for character in last) else title


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip() or "?"
