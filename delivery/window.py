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
An asset may name other servers (`delivery.servers`). Then a message goes on to the next one, too, when the connection
broke off, or 421 was said, before it was complete for anybody. What the next server takes may differ: the message is
composed anew then, with the same Message-ID.

The point of no return. An attempt is committed before the octets leave that can complete it (`Observer.committing`).
From there on only the server's answer says what became of it; without one it is unknown and never repeated.

Pace. A message that has to wait for its turn (`delivery.pace`) holds up nothing that is in flight: its session deals
with the answers that are due first.

A server that can't be reached. After `TRIES` attempts in a row that ended before MAIL for the same reason, those that
are left are not tried: a run of thousands must not wait out thousands of timeouts. Nor must it log in thousands of
times where nothing may be committed any more, because a disk is full: that counts as such an end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from auth.settings import LOGIN_AS_SENDER
from delivery.attempt import Attempt, Facts, Source, Takes
from delivery.errors import NoTurn
from delivery.observer import Observer
from delivery.pool import LOOK_AGAIN
from delivery.progress import LARGE, WithProgress
from delivery.transport import Transport
from message.compose import Message
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import Category, MailError, SmtpError
from smtp.outcome import Delivery, Outcome, Status, not_sent
from smtp.session import Session

MANY = 20
"""Messages from which on a run is worth more than one connection."""
TRIES = 3
PATIENCE = 60.0
"""Seconds that a message waits for its turn."""


def deliver(transport: Transport, observer: Observer, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order. Only as many are composed as can be in flight.

    Raises what nobody foresaw; what has not ended by then, and is not committed, was not sent.
    """
    asset = transport.access.asset
    if asset.login.login_as == LOGIN_AS_SENDER:
        yield from _deliver_as_senders(transport, observer, attempts)
        return
    waiting = iter(attempts)
    first = list(islice(waiting, MANY))
    alone = OneSession(transport, observer, Reach())
    if len(first) == MANY and asset.max_connections > 1:
        # The first message shows whether there is a server at all: only then are more sessions worth a try.
        begun = next((number for number, attempt in enumerate(first, 1) if not attempt.has_ended), MANY)
        yield from alone.deliver(_Queue(first[:begun]))
        first = first[begun:]
        if transport.is_open:
            from delivery.side_by_side import SideBySide  # few runs are that long

            beside = [alone.beside() for _ in range(1, min(asset.max_connections, MANY))]
            yield from SideBySide(alone, beside).deliver(chain(first, waiting))
            return
    yield from alone.deliver(_Queue(chain(first, waiting)))


def _deliver_as_senders(
    transport: Transport, observer: Observer, attempts: Iterable[Attempt]
) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order, each over a session of its sender."""
    from delivery.senders import Senders  # few assets log in as whoever a mail is from

    reach = Reach()
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


class Reach:
    """Whether it is of use to go on: after `TRIES` failures in a row, for one reason, nothing more is tried."""

    failures = 0
    _last: MailError | None = None

    def failed(self, error: MailError, observer: Observer) -> None:
        if error.category is Category.CANCELLED:
            return
        same = self._last is not None and _reason(self._last) == _reason(error)
        self.failures = self.failures + 1 if same else 1
        self._last = error
        if self.failures == TRIES:
            observer.progress(
                f"{TRIES} attempts in a row failed for the same reason; what is left is not tried."
            )

    def objection(self) -> MailError:
        """Why another attempt is not worth the wait, after `TRIES` failures."""
        error = self._last
        assert error is not None  # noqa: S101 - it has failed
        kind = SmtpError if isinstance(error, SmtpError) else MailError
        text = f"it was not tried, because {TRIES} attempts before it failed: {error.text}"
        objection = kind(text, step=error.step, category=error.category, retryable=True)
        objection.server = error.server
        return objection


def _reason(error: MailError) -> tuple[object, ...]:
    return type(error), error.step, error.category, error.code


class OneSession:
    """Attempts over one session at a time; another one is opened when that is gone.

    One that `gives_way` puts back what it gets no connection for, and leaves.
    """

    def __init__(
        self, transport: Transport, observer: Observer, reach: Reach, *, gives_way: bool = False
    ) -> None:
        self.transport = transport
        self.observer = observer
        self._reach = reach
        self._gives_way = gives_way
        self._taken: deque[Attempt] = deque()
        """In order: every attempt that was taken and is not told yet."""
        self._in_flight: deque[Attempt] = deque()
        """Those of them that the session at hand was given."""
        self._settled = 0
        """How many of those that the session was given it has dealt with."""
        self._again: deque[tuple[Attempt, Delivery | None]] = deque()
        """Those of which something has to go over another connection, with what became of them on this one."""

    def beside(self) -> OneSession:
        """Another one for the same run, which gives way to other runs."""
        extra = Transport(self.transport.access, self.transport.pool, may_wait=False)
        return OneSession(extra, self.observer, self._reach, gives_way=True)

    def deliver(self, source: Source) -> Iterator[Attempt]:
        """Yield each attempt once it has ended, in order."""
        while (attempt := self._take(source, may_wait=True)) is not None:
            session = None
            if not attempt.has_ended and self._reach.failures >= TRIES:
                objection = self._reach.objection()
                attempt.end(error=objection, facts=Facts(objection.server))
            if not attempt.has_ended:
                try:
                    session = self.transport.open_session()
                except MailError as exc:
                    if self._gives_way:
                        source.put_back(attempt)
                        return
                    if not self.transport.access.is_refused and not isinstance(exc, NoTurn):
                        self._reach.failed(exc, self.observer)
                    attempt.end(error=exc, facts=self.transport.facts)
            self._taken.append(attempt)
            if session is not None:
                yield from self._send_over(session, attempt, source)
            yield from self._ended()

    def _take(self, source: Source, *, may_wait: bool) -> Attempt | None:
        """Take the next attempt, and wait for its turn, if that may be.

        One whose turn doesn't come has ended: with `NoTurn`, `Cancelled`, or what `Pace` raised.
        """
        attempt, access = source.take(may_wait=may_wait), self.transport.access
        pace = access.pace
        if attempt is None or attempt.has_ended or attempt.has_turn or pace is None:
            return attempt
        assert attempt.outgoing is not None  # noqa: S101 - what could not be prepared has ended
        count = len(attempt.outgoing.recipients)
        deadline, told = time.monotonic() + PATIENCE, False
        try:
            while (wait := pace.turn(access.asset, count)) is not None:
                if wait.seconds is None or time.monotonic() + wait.seconds > deadline or pace.is_over():
                    raise NoTurn(wait.reason, wait.seconds)
                if not may_wait:
                    source.put_back(attempt)
                    return None
                if not told:
                    told = True
                    self.observer.progress(f"Waiting for {wait.seconds:.0f} s: {wait.reason}.")
                access.raise_if_cancelled()
                threading.Event().wait(min(wait.seconds, LOOK_AGAIN))
            attempt.has_turn = True
        except MailError as error:
            attempt.end(error=error)
        return attempt

    def _send_over(self, session: Session, first: Attempt, source: Source) -> Iterator[Attempt]:
        """Yield what has ended, in order, until there is no more or the session takes no more.

        The few that need another connection hold up those behind them.
        """
        window = self.transport.access.asset.window
        self._settled = 0
        try:
            for delivery in session.send_many(
                self._compose(session, first, source), window, self._committing
            ):
                attempt = self._in_flight.popleft()
                self._settled += 1
                self._reach.failures = 0
                if delivery.elsewhere:
                    self._again.append((attempt, delivery))
                elif self.transport.goes_on_elsewhere(attempt, delivery):
                    self._again.append((attempt, None))
                else:
                    attempt.end(delivery=delivery, facts=self.transport.facts)
                yield from self._ended()
        except MailError:
            # Whoever watches would not let one of them be completed, and so none of those in flight was.
            self._again.extend((attempt, None) for attempt in self._in_flight if not attempt.has_ended)
            self._in_flight.clear()
        if self._again:
            self.observer.progress("The connection takes no more messages; connecting again.")
        while self._again:
            self._send_again(*self._again.popleft(), source)
            yield from self._ended()

    def _compose(
        self, session: Session, first: Attempt, source: Source
    ) -> Iterator[tuple[Envelope, Content]]:
        """Compose `first`, and take more while the session takes messages; what can't be composed keeps its place."""
        attempt: Attempt | None = first
        while attempt is not None:
            attempt.is_begun = True
            if not attempt.has_ended:
                try:
                    message = self._composed(session, attempt)
                except MailError as exc:
                    attempt.end(error=exc, facts=self.transport.facts)
                else:
                    self._in_flight.append(attempt)
                    yield message.envelope, message.content
            if not session.is_open or session.is_used_up or self._again:
                return
            attempt = self._take(source, may_wait=not self._in_flight)
            if attempt is not None:
                self._taken.append(attempt)

    def _composed(self, session: Session, attempt: Attempt) -> Message:
        """The message as the session's server takes it: made anew where another one took more, or less.

        Raises `MailError`.
        """
        offered = session.extensions
        eight_bit = "8BITMIME" in offered
        # RFC 6531 section 3.1: who offers SMTPUTF8 offers 8BITMIME too. Who doesn't gets no octet above 127.
        smtputf8 = eight_bit and self.transport.access.asset.allow_smtputf8 and "SMTPUTF8" in offered
        takes = Takes(eight_bit, smtputf8, "DSN" in offered)
        if attempt.message is not None and attempt.takes == takes:
            return attempt.message
        assert attempt.outgoing is not None  # noqa: S101 - only what could not be prepared has none
        message = attempt.outgoing.compose(eight_bit=eight_bit, smtputf8=smtputf8)
        if message.envelope.notify and not takes.dsn:
            warning = "the server does not offer DSN: it was not told when to report on the delivery"
            message = message._replace(warnings=(*message.warnings, warning))
        if message.content.size >= LARGE:
            message = message._replace(content=WithProgress(message.content, self.observer.sent))
        attempt.message, attempt.takes = message, takes
        return message

    def _committing(self, numbers: Sequence[int]) -> None:
        """The point of no return of those messages of the session, counted from the first that it was given."""
        attempts = [self._in_flight[number - self._settled] for number in numbers]
        for attempt in attempts:
            attempt.facts = self.transport.facts
        try:
            self.observer.committing(attempts)
        except MailError as exc:
            if len(attempts) == 1:  # of several nobody knows yet which one it is about
                attempts[0].end(error=exc, facts=self.transport.facts)
                self._reach.failed(exc, self.observer)
            raise
        for attempt in attempts:
            attempt.is_committed = True
        self.transport.committed += len(attempts)

    def _send_again(self, attempt: Attempt, delivery: Delivery | None, source: Source) -> None:
        """Send what is left of one message over other connections, which are given nothing else.

        Whoever gives way and gets no connection puts it back, as nobody has it.
        """
        if delivery is None and self._reach.failures >= TRIES:
            objection = self._reach.objection()
            attempt.end(error=objection, facts=Facts(objection.server))
            return
        self._in_flight.append(attempt)
        self._settled = 0
        try:
            delivery = self._delivered_again(attempt, delivery)
        except MailError as exc:
            if self._gives_way and not attempt.has_ended:
                self._taken.remove(attempt)
                attempt.is_begun = False
                source.put_back(attempt)
            else:
                attempt.end(error=exc, facts=self.transport.facts)
        else:
            self._reach.failures = 0
            if self.transport.goes_on_elsewhere(attempt, delivery):
                self._again.appendleft((attempt, None))
            else:
                # The server that may have it is told of, not one that was tried for some recipients later on.
                is_with_none = delivery.outcome is Outcome.NOT_SENT
                attempt.end(delivery=delivery, facts=self.transport.facts if is_with_none else attempt.facts)
        self._in_flight.clear()

    def _delivered_again(self, attempt: Attempt, delivery: Delivery | None) -> Delivery:
        """What becomes of one message, or of what is left of it after `delivery`: see `Delivery.elsewhere`.

        Raises `MailError` where nobody has it, and no connection came about or its server can't take it; but where
        somebody was refused, and this is the end of it, that is part of what is returned.
        """
        while delivery is None or delivery.elsewhere:
            try:
                session = self.transport.open_session()
                message = self._composed(session, attempt)
            except MailError as exc:
                if delivery is None:
                    raise
                if delivery.outcome is not Outcome.NOT_SENT:
                    return delivery
                if self._gives_way or not delivery.count(Status.REFUSED):
                    raise
                if not isinstance(exc, SmtpError) or exc.category is Category.CANCELLED:
                    raise
                return delivery.continued(not_sent(delivery.elsewhere, exc))
            if delivery is None:
                delivery = session.send(message.envelope, message.content, self._committing)
            else:
                # By their places: a server without SMTPUTF8 gets domains spelled otherwise.
                each = zip(message.envelope.recipients, delivery.recipients, strict=True)
                rest = tuple([address for address, told in each if told.elsewhere])
                more = session.send(message.envelope.to(rest), message.content, self._committing)
                delivery = delivery.continued(more)
        return delivery

    def _ended(self) -> Iterator[Attempt]:
        """Yield those that have ended, as far as none before them has not."""
        access = self.transport.access
        while self._taken and self._taken[0].has_ended:
            attempt = self._taken.popleft()
            if access.pace is not None:
                access.pace.ended(access.asset, attempt)
            yield attempt
