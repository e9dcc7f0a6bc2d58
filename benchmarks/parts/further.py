"""Round trips of one more message on a session that is open, counted on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import ours, servers
from benchmarks.mails import asset, parameters
from benchmarks.peers import with_smtplib
from benchmarks.result import Figure, Part, Result

FEW, COUNT = 3, 10
"""Fewer in all than a run of several connections has."""
RECIPIENTS = 3
SHORT = 0.001
"""Seconds each way: what is counted does not depend on it, as long as answers don't run together."""


def measure(effort: int) -> Result:  # noqa: ARG001 - counting is exact at once
    with servers.postfix() as server, servers.link(server, SHORT) as link:
        fields = asset(link.port)

        run = _further(link, lambda mails: ours.run(fields, list(mails)))
        alone = _further(link, lambda mails: ours.run(fields, list(mails), ours.OneByOne))
        by_data = {**fields, "disable_chunking": True}
        data = _further(link, lambda mails: ours.run(by_data, list(mails)))
        peer = _further(link, lambda mails: with_smtplib.kept_connection(link.port, mails))
    figures = (
        Figure("connector, in a run", run, is_ours=True),
        Figure("connector, alone", alone, is_ours=True),
        Figure("connector, in a run by DATA", data, is_ours=True),
        Figure("smtplib, kept connection", peer),
    )
    measured = f"{run:g} in a run, {alone:g} alone, {data:g} by DATA"
    return Result("round trips", figures, measured, run <= 1 and alone <= 2 and data <= 2)


def _further(link: servers.Link, send: Callable[[Sequence[dict[str, str]]], None]) -> float:
    """What one message more costs: the difference between a few mails and several more, divided among them.

    The first two on a connection cost more: the server shows behind the first one that its answers are in step.
    """
    counts = []
    for count in (FEW, FEW + COUNT):
        link.round_trips()
        send([parameters(number, RECIPIENTS) for number in range(count)])
        counts.append(link.round_trips())
    return (counts[1] - counts[0]) / COUNT


PART = Part(
    "further",
    f"further message on an open session, {RECIPIENTS} recipients",
    "1 round trip in a run, 2 alone and by DATA",
    measure,
)
