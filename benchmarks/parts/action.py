"""Whole actions on this machine: from the input JSON over composing to the result JSON.

The peers have one connection at a time and write nothing down, so the aim is about a run over one session that isn't
recorded. Beside it stands what each user has: three sessions, and every mail in its row, on the disk, before its last
octets leave.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import mails, ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.peers import with_aiosmtplib, with_nodemailer, with_smtplib
from benchmarks.result import Figure, Part, Result
from benchmarks.unrecorded import nothing_recorded

COUNT = 300
AIM = 3
DEFAULT, ALIKE = "connector, by default", "connector, over one session, not recorded"
CONNECTIONS = "smtplib, a connection per message"


def measure(effort: int) -> Result:
    with servers.smtp_sink() as port:
        fields, sets = mails.asset(port), mails.sets(COUNT)
        over_one = mails.asset(port, max_connections=1)
        took = medians(
            {
                DEFAULT: partial(seconds, partial(ours.run, fields, sets)),
                "connector, not recorded": partial(_seconds_not_recorded, fields, sets),
                "connector, over one session": partial(seconds, partial(ours.run, over_one, sets)),
                ALIKE: partial(_seconds_not_recorded, over_one, sets),
                "connector, one by one": partial(seconds, partial(ours.run, fields, sets, ours.OneByOne)),
                "nodemailer, pooled": partial(with_nodemailer.pooled, port, sets),
                "smtplib, kept connection": partial(
                    seconds, partial(with_smtplib.kept_connection, port, sets)
                ),
                "aiosmtplib, kept connection": partial(
                    seconds, partial(with_aiosmtplib.kept_connection, port, sets)
                ),
                CONNECTIONS: partial(seconds, partial(with_smtplib.connection_per_message, port, sets)),
            },
            2 * effort + 1,
        )
    figures = tuple(Figure(name, COUNT / took[name], name.startswith("connector")) for name in took)
    alike, default = took[CONNECTIONS] / took[ALIKE], took[CONNECTIONS] / took[DEFAULT]
    words = f"{alike:.1f} times; {default:.1f} times by default, with each mail on the disk before it leaves"
    return Result("mails/s", figures, words, alike >= AIM)


def _seconds_not_recorded(fields: dict[str, Any], sets: list[dict[str, str]]) -> float:
    with nothing_recorded():
        return seconds(partial(ours.run, fields, sets))


PART = Part(
    "action",
    "whole action (parameters, composed, sent), 300 in a run, loopback",
    f"at least {AIM} times the connection-per-message way, with as many connections open and as little written down",
    measure,
)
