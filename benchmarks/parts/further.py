"""Round trips of one more message on a session that is open, counted on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import ours, servers
from benchmarks.mails import asset, parameters
from benchmarks.peers import with_smtplib
from benchmarks.result import Figure, Part, Result

COUNT = 10
RECIPIENTS = 3
SHORT = 0.001
"""Seconds each way: what is counted does not depend on it, as long as answers don't run together."""


def measure(effort: int) -> Result:  # noqa: ARG001 - counting is exact at once
    with servers.postfix() as server, servers.link(server, SHORT) as link:
        fields = asset(link.port)

        def connector(**more: object) -> Callable[[Sequence[dict[str, str]]], None]:
            return lambda mails: ours.run({**fields, **more}, list(mails), ours.OneByOne)

        chunking = _further(link, connector())
        data = _further(link, connector(disable_chunking=True))
        peer = _further(link, lambda mails: with_smtplib.kept_connection(link.port, mails))
    figures = (
        Figure("connector, CHUNKING", chunking, is_ours=True),
        Figure("connector, DATA", data, is_ours=True),
        Figure("smtplib, kept connection", peer),
    )
    measured = f"{chunking:g} with CHUNKING, {data:g} with DATA"
    return Result("round trips", figures, measured, chunking <= 1 and data <= 2)


def _further(link: servers.Link, send: Callable[[Sequence[dict[str, str]]], None]) -> float:
    """What one message more costs: the difference between one mail and several, divided among them."""
    counts = []
    for count in (1, 1 + COUNT):
        link.round_trips()
        send([parameters(number, RECIPIENTS) for number in range(count)])
        counts.append(link.round_trips())
    return (counts[1] - counts[0]) / COUNT


PART = Part(
    "further",
    f"further message on an open session, {RECIPIENTS} recipients, one parameter set at a time",
    "1 round trip with CHUNKING, 2 with DATA",
    measure,
)
