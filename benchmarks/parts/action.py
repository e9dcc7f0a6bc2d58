"""Whole actions on this machine: from the input JSON over composing to the result JSON."""

from __future__ import annotations

from functools import partial

from benchmarks import mails, ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.peers import with_aiosmtplib, with_nodemailer, with_smtplib
from benchmarks.result import Figure, Part, Result

COUNT = 300
AIM = 3


def measure(effort: int) -> Result:
    with servers.smtp_sink() as port:
        fields, sets = mails.asset(port), mails.sets(COUNT)
        took = medians(
            {
                "connector, a window": partial(seconds, partial(ours.run, fields, sets)),
                "connector, one by one": partial(seconds, partial(ours.run, fields, sets, ours.OneByOne)),
                "nodemailer, pooled": partial(with_nodemailer.pooled, port, sets),
                "smtplib, kept connection": partial(
                    seconds, partial(with_smtplib.kept_connection, port, sets)
                ),
                "aiosmtplib, kept connection": partial(
                    seconds, partial(with_aiosmtplib.kept_connection, port, sets)
                ),
                "smtplib, a connection per message": partial(
                    seconds, partial(with_smtplib.connection_per_message, port, sets)
                ),
            },
            2 * effort + 1,
        )
    figures = tuple(Figure(name, COUNT / took[name], name.startswith("connector")) for name in took)
    factor = took["smtplib, a connection per message"] / took["connector, a window"]
    return Result("mails/s", figures, f"{factor:.1f} times", factor >= AIM)


PART = Part(
    "action",
    "whole action (parameters, composed, sent), 300 in a run, loopback",
    f"at least {AIM} times the connection-per-message way",
    measure,
)
