"""Runs written into a data folder without a mail server, for tests of what is kept of them."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.contract import Report
from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt
from host.local import database
from host.local.home import Home
from host.local.ledger import Heading, Ledger
from message.draft import Addressing, plain_draft

ASSET = Asset(Login("1", "mail.example.com", 25), "None")
HEADING = Heading("send email", "prod", "1", "7")
BCC = "marker-bcc@example.com"
BODY = "marker-body"
SENT = Report(
    True,
    f"Email sent, also to {BCC}",
    [{"outcome": "sent", "recipients": [{"address": BCC, "status": "accepted"}]}],
    {"recipients": 1, "accepted": 1, "refused": 0},
)


def mail(**more: Any) -> dict[str, Any]:
    """A parameter set with something in it that must not be seen."""
    return {"to": "jane@example.com", "bcc": BCC, "body": BODY, **more}


def attempt(position: int) -> Attempt:
    """A message that is about to be sent."""
    draft = plain_draft(Addressing(to="jane@example.com", bcc=BCC, sender="me@example.com"), BODY)
    return Attempt(draft, position, message=draft.compose(eight_bit=True, smtputf8=False))


@dataclass
class Written:
    """The ledger of a run, and what it had to tell."""

    folder: Path
    heading: Heading = HEADING
    told: list[str] = field(default_factory=list)
    is_cancelled: bool = False

    def __post_init__(self) -> None:
        self.home = Home(self.folder)
        self.ledger = Ledger(self.home, self.heading, ASSET, self.told.append, lambda: self.is_cancelled)

    def whole(self, *sets: dict[str, Any], report: Report = SENT) -> None:
        """A run from its beginning to its end, and nothing is open any more, as if its process had ended."""
        self.ledger.begin(sets)
        for position in range(1, len(sets) + 1):
            self.ledger.committing([attempt(position)])
            self.ledger.finished(position, report)
        self.ledger.end()
        self.home.databases.close()


def states(folder: Path) -> list[str]:
    """The state of each mail of the data folder, as another process would find it."""
    with closing(database.connect(folder)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM mail ORDER BY run_id, position")]


def everything_in(folder: Path) -> bytes:
    """The octets of all files."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def as_json(value: object) -> Any:
    """What a reader of the command line's output gets."""
    return json.loads(json.dumps(value))
