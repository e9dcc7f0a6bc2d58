"""Round trips of a first message: connection, STARTTLS, login, 10 recipients, and the answer to the message."""

from __future__ import annotations

import ssl

from benchmarks import ours, servers
from benchmarks.mails import asset, parameters
from benchmarks.peers import with_smtplib
from benchmarks.result import Figure, Part, Result

RECIPIENTS = 10
AIM = 10


def measure(effort: int) -> Result:  # noqa: ARG001 - counting is exact at once
    mail = parameters(0, RECIPIENTS)
    counts = {}
    for chunking in (True, False):
        with servers.submission(chunking=chunking) as (server, pem), servers.link(server) as link:
            fields = asset(
                link.port,
                server="localhost",
                ssl_config="StartTLS",
                auth_type="Basic",
                username=servers.USERNAME,
                password=servers.PASSWORD,
                ca_bundle=pem,
            )
            ours.run(fields, [mail])
            counts[chunking] = link.round_trips()
            context = ssl.create_default_context(cadata=pem)
            with_smtplib.submitted(link.port, mail, servers.USERNAME, servers.PASSWORD, context)
            peer = link.round_trips()
    figures = (
        Figure("connector, CHUNKING", counts[True], is_ours=True),
        Figure("connector, DATA", counts[False], is_ours=True),
        Figure("smtplib", peer),
    )
    return Result("round trips", figures, f"{counts[True]} round trips", counts[True] <= AIM)


PART = Part(
    "first",
    f"first message: connect, STARTTLS, login, {RECIPIENTS} recipients",
    f"at most {AIM} round trips in all",
    measure,
)
