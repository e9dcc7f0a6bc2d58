"""Many messages over a run's session, and what became of each, in their order.

Order. Every message of a run is an attempt, also one that could not be prepared or composed: attempts stand in
one queue from the moment they are taken until they are told, and are told from its front only.

Retry. A message is tried again in one case: the server closed a connection that had served others before, and
certainly did not get this message. The connection's end then says nothing about the message. The first message of
a new connection has had its try.

The point of no return. An attempt is committed before the octets leave that can complete it (`Observer.committing`).
From there on only the server's answer says what became of it; without one it is unknown and never repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from delivery.attempt import Attempt
from delivery.observer import Observer
from delivery.progress import watched
from delivery.transport import Transport, was_closed_before
from message.compose import Message
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import MailError
from smtp.outcome import Delivery
from smtp.session import Session


def deliver(transport: Transport, observer: Observer, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order. Only as many are composed as can be in flight."""
    waiting = iter(attempts)
    for first in waiting:
        if first.has_ended:
            yield first
            continue
        try:
            session = transport.session()
        except MailError as exc:
            first.error, first.facts = exc, transport.facts
            yield first
        else:
            yield from _Window(transport, observer, session).deliver(chain((first,), waiting))


class _Window:
    """The messages that go over one session, until there are no more or it takes no more."""

    def __init__(self, transport: Transport, observer: Observer, session: Session) -> None:
        self._transport = transport
        self._observer = observer
        self._session = session
        self._has_served = session.has_sent
        self._taken: deque[Attempt] = deque()
        """In order: every attempt that was taken and is not told yet."""
        self._in_flight: deque[Attempt] = deque()
        """Those of them that the session was given."""
        self._again: list[Attempt] = []
        """Those of them that the server did not get because it closed the connection."""

    def deliver(self, waiting: Iterator[Attempt]) -> Iterator[Attempt]:
        """Yield what has ended, in order; the few that are tried again hold up those behind them."""
        for delivery in self._session.send_many(self._compose(waiting)):
            self._settle(self._in_flight.popleft(), delivery)
            yield from self._ended()
        if self._again:
            self._observer.progress(
                "The server closed the connection between two messages; connecting again."
            )
        for attempt in self._again:
            self._send_again(attempt)
            yield from self._ended()
        yield from self._ended()

    def _compose(self, waiting: Iterator[Attempt]) -> Iterator[tuple[Envelope, Content]]:
        """Take attempts while the session has room for them; one that can't be composed keeps its place."""
        for attempt in islice(waiting, self._transport.room()):
            self._taken.append(attempt)
            if attempt.has_ended:
                continue
            message = self._composed(attempt)
            if message is not None:
                self._in_flight.append(attempt)
                self._commit(attempt)
                yield message.envelope, watched(message.content, self._observer.sent)
            if not self._session.is_open or self._session.is_used_up:
                return

    def _commit(self, attempt: Attempt) -> None:
        self._observer.committing([attempt])
        attempt.is_committed = True
        self._transport.committed += 1

    def _composed(self, attempt: Attempt) -> Message | None:
        """The message as this server can take it; None when the attempt has ended with that."""
        assert attempt.outgoing is not None  # noqa: S101 - only what could not be prepared has none
        offered = self._session.extensions
        eight_bit = "8BITMIME" in offered
        # RFC 6531 section 3.1: who offers SMTPUTF8 offers 8BITMIME too. Who doesn't gets no octet above 127.
        smtputf8 = eight_bit and self._transport.access.asset.allow_smtputf8 and "SMTPUTF8" in offered
        try:
            attempt.message = attempt.outgoing.compose(eight_bit=eight_bit, smtputf8=smtputf8)
        except MailError as exc:
            attempt.error, attempt.facts = exc, self._transport.facts
        return attempt.message

    def _settle(self, attempt: Attempt, delivery: Delivery) -> None:
        """Give the attempt its delivery, unless the server closed the connection before it could judge it."""
        self._transport.learn(delivery)
        # The first on a new connection has had its try: the server's closing may be about that message.
        if self._has_served and was_closed_before(delivery):
            self._again.append(attempt)
        else:
            attempt.delivery, attempt.facts = delivery, self._transport.facts
        self._has_served = True

    def _send_again(self, attempt: Attempt) -> None:
        message = attempt.message
        assert message is not None  # noqa: S101 - it was in flight
        try:
            content = watched(message.content, self._observer.sent)
            attempt.delivery = self._transport.send(message.envelope, content)
        except MailError as exc:
            attempt.error = exc
        attempt.facts = self._transport.facts

    def _ended(self) -> Iterator[Attempt]:
        while self._taken and self._taken[0].has_ended:
            yield self._taken.popleft()
