"""Messages on their way over the action run's session, several at once, and what became of each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Protocol

from actions import report as reports
from actions.contract import Context
from delivery.progress import watched
from delivery.transport import Transport, was_closed_before
from message.compose import Message
from smtp.content import Content
from smtp.envelope import Address, Envelope
from smtp.outcome import Delivery
from smtp.session import Session


class Outgoing(Protocol):
    """A message of which everything is checked, before it is known what the server can take."""

    @property
    def sender(self) -> Address: ...

    @property
    def recipients(self) -> tuple[Address, ...]: ...

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """The message for a server that can or can't do 8BITMIME and SMTPUTF8. Raises `MessageError`."""


@dataclass(slots=True)
class Flight:
    """One message: as it was asked for, as this server gets it, and how it ended: a delivery, or an error before it.

    `facts` is how the server was spoken to, `started` in seconds of `time.monotonic`. It is stranded when the
    server closed the connection that others had used before it, and it certainly was not sent.
    """

    outgoing: Outgoing
    started: float = field(default_factory=time.monotonic)
    message: Message | None = None
    delivery: Delivery | None = None
    error: Exception | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    is_stranded: bool = False


def flights(context: Context, line: Transport, outgoings: Iterable[Outgoing]) -> Iterator[Flight]:
    """Every message's flight once it has ended, in order. Composed are only as many as can be in flight."""
    waiting = map(Flight, outgoings)
    for first in waiting:
        try:
            session = line.session()
        except reports.EXPECTED as exc:
            first.error, first.facts = exc, line.facts()
            yield first
        else:
            yield from _Burst(context, line, session).ended(chain((first,), waiting))


class _Burst:
    """The messages that go over one session, until there are no more or it takes no more."""

    def __init__(self, context: Context, line: Transport, session: Session) -> None:
        self._context = context
        self._line = line
        self._session = session
        self._has_served = session.has_sent
        self._flying: deque[Flight] = deque()

    def ended(self, waiting: Iterator[Flight]) -> Iterator[Flight]:
        """Those that were stranded are tried once more. The few that flew behind them wait, for the order's sake."""
        landing = self._landed(waiting)
        for flight in landing:
            if not flight.is_stranded:
                yield flight
                continue
            self._context.progress("The server closed the connection between two messages; connecting again.")
            for held in (flight, *landing):
                if held.is_stranded:
                    self._try_again(held)
                yield held

    def _landed(self, waiting: Iterator[Flight]) -> Iterator[Flight]:
        for delivery in self._session.send_many(self._boarded(waiting)):
            yield from self._not_boarded()
            flight = self._flying.popleft()
            flight.delivery, flight.facts = delivery, self._line.facts()
            # The first on a new connection has had its try: the server's closing may be about that message.
            flight.is_stranded = self._has_served and was_closed_before(delivery)
            self._has_served = True
            self._line.learn(delivery)
            yield flight
        yield from self._not_boarded()

    def _boarded(self, waiting: Iterator[Flight]) -> Iterator[tuple[Envelope, Content]]:
        """Each is composed when there is room for it; one that can't be keeps its place in the order."""
        for flight in islice(waiting, self._line.room()):
            self._flying.append(flight)
            try:
                flight.message = self._composed(flight.outgoing)
            except reports.EXPECTED as exc:
                flight.error, flight.facts = exc, self._line.facts()
            else:
                yield flight.message.envelope, self._content(flight.message)
            if not self._session.is_open or self._session.is_used_up:
                return

    def _not_boarded(self) -> Iterator[Flight]:
        while self._flying and self._flying[0].error is not None:
            yield self._flying.popleft()

    def _try_again(self, flight: Flight) -> None:
        message = flight.message
        assert message is not None  # noqa: S101 - it was on its way
        try:
            flight.delivery = self._line.send(message.envelope, self._content(message))
        except reports.EXPECTED as exc:
            flight.error = exc
        flight.facts = self._line.facts()

    def _composed(self, outgoing: Outgoing) -> Message:
        """The message as this server can take it."""
        extensions = self._session.extensions
        eight_bit = "8BITMIME" in extensions
        # RFC 6531 section 3.1: who offers SMTPUTF8 offers 8BITMIME too. Who doesn't gets no octet above 127.
        smtputf8 = eight_bit and self._context.asset.allow_smtputf8 and "SMTPUTF8" in extensions
        return outgoing.compose(eight_bit=eight_bit, smtputf8=smtputf8)

    def _content(self, message: Message) -> Content:
        return watched(message.content, self._context.sent)
