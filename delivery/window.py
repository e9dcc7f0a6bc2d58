"""Many messages over a run's sessions, and what became of each, in their order.

Order. Every message of a run is an attempt, also one that could not be prepared or composed. Attempts are told in the
order in which they were taken: one keeper holds those that were taken and are not told yet, and tells
from its front only. How many it may hold is bounded, so that finished results that wait for a slow one are too.

Sessions. A run of few messages has one session. From `MANY` messages on it uses up to the asset's `max_connections`,
each in a thread of its own that takes the next attempt when it has room. The first one keeps its session; the others
give theirs back as soon as another run waits for one, and put back what they have no connection for. So the first one
stays until they have left.

Retry. What a connection did not get goes over another one where that can do better at once, for each recipient
(`smtp.outcome.Delivery.elsewhere`): the server closed a connection that had served others before, or takes so many
messages or recipients on each. It certainly did not get the message for these recipients.

The point of no return. An attempt is committed before the octets leave that can complete it (`Observer.committing`).
From there on only the server's answer says what became of it; without one it is unknown and never repeated.

A server that can't be reached. After `TRIES` attempts in a row that ended before MAIL for the same reason, those that
are left are not tried: a run of thousands must not wait out thousands of timeouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from auth.settings import LOGIN_AS_SENDER
from delivery.attempt import Attempt
from delivery.observer import Observer
from delivery.one_session import OneSession, Reach
from delivery.transport import Transport

MANY = 20
"""Messages from which on a run is worth more than one connection."""


def deliver(transport: Transport, observer: Observer, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order. Only as many are composed as can be in flight.

    Raises what nobody foresaw; what has not ended by then, and is not committed, was not sent.
    """
    if transport.access.asset.login.login_as == LOGIN_AS_SENDER:
        yield from _deliver_as_senders(transport, observer, attempts)
        return
    waiting = iter(attempts)
    first = list(islice(waiting, MANY))
    alone = OneSession(transport, observer, Reach(observer))
    if len(first) == MANY and transport.access.asset.max_connections > 1:
        # The first message shows whether there is a server at all: only then are more sessions worth a try.
        begun = next((number for number, attempt in enumerate(first, 1) if not attempt.has_ended), MANY)
        yield from alone.deliver(_Queue(first[:begun]))
        first = first[begun:]
        if transport.is_open:
            from delivery.side_by_side import SideBySide  # few runs are that long

            most = min(transport.access.asset.max_connections, MANY)
            yield from SideBySide(alone, most).deliver(chain(first, waiting))
            return
    yield from alone.deliver(_Queue(chain(first, waiting)))


def _deliver_as_senders(
    transport: Transport, observer: Observer, attempts: Iterable[Attempt]
) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order, each over a session of its sender."""
    from delivery.senders import Senders  # few assets log in as whoever a mail is from

    reach = Reach(observer)
    with Senders(transport) as senders:
        for attempt in attempts:
            own = transport
            if attempt.outgoing is not None:
                own = senders.transport_of(str(attempt.outgoing.sender or ""))
            yield from OneSession(own, observer, reach).deliver(_Queue([attempt]))


class _Queue:
    """Attempts for one session alone."""

    def __init__(self, attempts: Iterable[Attempt]) -> None:
        self._attempts = iter(attempts)

    def take(self, *, may_wait: bool) -> Attempt | None:  # noqa: ARG002 - they are all at hand
        return next(self._attempts, None)

    def put_back(self, attempt: Attempt) -> None:
        self._attempts = chain((attempt,), self._attempts)
