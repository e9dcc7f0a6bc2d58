"""A message to 1,000 recipients against one to a single recipient, 50 ms away."""

from __future__ import annotations

from functools import partial

from benchmarks import ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.mails import asset, parameters
from benchmarks.peers import with_smtplib
from benchmarks.result import Figure, Part, Result

MANY = 1000
AIM = 1.3
SOME = 20
"""So many recipients are given to the peer, which needs a round trip for each; the rest is calculated."""


def measure(effort: int) -> Result:
    with servers.smtp_sink() as server, servers.link(server) as link:
        port, fields = link.port, asset(link.port)
        took = medians(
            {
                "connector, 1": partial(seconds, partial(ours.run, fields, [parameters(0)])),
                "connector, 1,000": partial(seconds, partial(ours.run, fields, [parameters(0, MANY)])),
                "smtplib, 1": partial(seconds, partial(with_smtplib.kept_connection, port, [parameters(0)])),
                "smtplib, some": partial(
                    seconds, partial(with_smtplib.kept_connection, port, [parameters(0, SOME)])
                ),
            },
            max(effort, 2),
        )
    one, some = took["smtplib, 1"], took.pop("smtplib, some")
    took["smtplib, 1,000"] = one + (some - one) / (SOME - 1) * (MANY - 1)
    factor = took["connector, 1,000"] / took["connector, 1"]
    figures = tuple(Figure(name, value, name.startswith("connector")) for name, value in took.items())
    return Result("s", figures, f"{factor:.2f} times", factor <= AIM)


PART = Part("recipients", "1,000 recipients against 1, 50 ms", f"at most {AIM} times the time", measure)
