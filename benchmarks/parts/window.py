"""300 mails over a link of 50 ms, to a real Postfix with CHUNKING."""

from __future__ import annotations

from functools import partial

from benchmarks import ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.mails import asset, sets
from benchmarks.peers import with_aiosmtplib, with_nodemailer, with_smtplib
from benchmarks.result import Figure, Part, Result

COUNT = 300
FEW = 10
"""So many are sent by those that take a second for two; the time for all is calculated from that."""
DEFAULT_AIM, WINDOW_AIM = 7.0, 2.6
"""Seconds: by default, over several sessions with one message unanswered on each, and with a window of 20."""


def measure(effort: int) -> Result:
    count, few = (COUNT, FEW) if effort > 1 else (COUNT, 2)
    with servers.postfix() as server, servers.link(server) as link:
        port, scale = link.port, count / few
        fields = asset(port)
        took = medians(
            {
                "connector, by default": partial(seconds, partial(ours.run, fields, sets(count))),
                "connector, a window of 20": partial(
                    seconds, partial(ours.run, {**fields, "window": 20}, sets(count))
                ),
                "connector, one by one": lambda: (
                    scale * seconds(partial(ours.run, fields, sets(few), ours.OneByOne))
                ),
                "nodemailer, pooled": lambda: scale * with_nodemailer.pooled(port, sets(few)),
                "aiosmtplib, kept connection": lambda: (
                    scale * seconds(partial(with_aiosmtplib.kept_connection, port, sets(few)))
                ),
                "smtplib, kept connection": lambda: (
                    scale * seconds(partial(with_smtplib.kept_connection, port, sets(few)))
                ),
                "smtplib, a connection per message": lambda: (
                    scale * seconds(partial(with_smtplib.connection_per_message, port, sets(few)))
                ),
            },
            1 if effort < 3 else 3,
        )
    default, window = took["connector, by default"], took["connector, a window of 20"]
    factor = took["smtplib, a connection per message"] / default
    figures = tuple(Figure(name, value, name.startswith("connector")) for name, value in took.items())
    measured = f"{default:.1f} s, {window:.1f} s with a window of 20; {factor:.0f} times faster"
    return Result("s", figures, measured, default <= DEFAULT_AIM and window <= WINDOW_AIM)


PART = Part(
    "window",
    "300 mails in one action run, 50 ms round trip, server with CHUNKING",
    f"at most {DEFAULT_AIM:g} s, {WINDOW_AIM:g} s with a window of 20",
    measure,
)
