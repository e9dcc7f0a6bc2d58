"""Ready messages of 1.5 kB over one connection on this machine, as fast as they go."""

from __future__ import annotations

from functools import partial

from benchmarks import mails, ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.peers import with_aiosmtplib, with_nodemailer, with_smtp_source, with_smtplib
from benchmarks.result import Figure, Part, Result

COUNT = 3000
AIM = 2
RUN, KEPT = "connector, in a run", "smtp-source, kept connection"


def measure(effort: int) -> Result:
    count = COUNT if effort > 1 else COUNT // 10
    message = mails.ready()
    source = partial(with_smtp_source.send, octets=len(message), count=count)
    with servers.smtp_sink() as port:
        took = medians(
            {
                RUN: partial(seconds, partial(ours.send_ready, port, message, count, window=True)),
                "connector, one by one": partial(
                    seconds, partial(ours.send_ready, port, message, count, window=False)
                ),
                KEPT: partial(seconds, partial(source, port, kept=True)),
                "smtp-source": partial(seconds, partial(source, port, kept=False)),
                "smtplib, kept connection": partial(
                    seconds, partial(with_smtplib.send_ready, port, message, count)
                ),
                "nodemailer, pooled": partial(with_nodemailer.send_ready, port, message, count),
                "aiosmtplib, kept connection": partial(
                    seconds, partial(with_aiosmtplib.send_ready, port, message, count)
                ),
            },
            2 * effort - 1,
        )
    figures = tuple(Figure(name, count / took[name], name.startswith("connector")) for name in took)
    factor = took["smtp-source"] / took[RUN]
    kept = took[KEPT] / took[RUN]
    measured = f"{factor:.1f} times smtp-source with one session, {kept:.1f} times with a kept connection"
    return Result("messages/s", figures, measured, factor >= AIM)


PART = Part(
    "ready",
    "ready messages of 1.5 kB on one connection, loopback",
    f"at least {AIM} times smtp-source with one session",
    measure,
)
