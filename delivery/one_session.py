"""The attempts of a run over one session at a time, and what becomes of them. The theory is in `delivery.window`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from delivery.attempt import Attempt
from delivery.errors import NoTurn
from delivery.observer import Observer
from delivery.paced import Paced, Source
from delivery.progress import watched
from delivery.transport import Transport
from message.compose import Message
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import Category, MailError, SmtpError
from smtp.outcome import Delivery
from smtp.session import Session

TRIES = 3


class Reach:
    """Whether the server can be reached: after `TRIES` failures in a row, for one reason, nothing more is tried."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._failures = 0
        self._last: MailError | None = None

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, error: MailError) -> None:
        if error.category is Category.CANCELLED:
            return
        same = self._last is not None and _reason(self._last) == _reason(error)
        self._failures = self._failures + 1 if same else 1
        self._last = error
        if self._failures == TRIES:
            self._observer.progress(
                f"{TRIES} attempts in a row failed for the same reason; what is left is not tried."
            )

    def objection(self) -> MailError | None:
        """Why another attempt is not worth the wait."""
        error = self._last
        if error is None or self._failures < TRIES:
            return None
        kind = SmtpError if isinstance(error, SmtpError) else MailError
        text = f"it was not tried, because {TRIES} attempts before it failed: {error.text}"
        return kind(text, step=error.step, category=error.category, retryable=True)


def _reason(error: MailError) -> tuple[object, ...]:
    return type(error), error.step, error.category, error.code


class OneSession:
    """Attempts over one session at a time; another one is opened when that is gone."""

    def __init__(
        self, transport: Transport, observer: Observer, reach: Reach, *, gives_way: bool = False
    ) -> None:
        self.transport = transport
        self.observer = observer
        self.reach = reach
        self._gives_way = gives_way

    def deliver(self, source: Source) -> Iterator[Attempt]:
        pace = self.transport.access.pace
        if pace is None:
            yield from self._deliver(source)
            return
        for attempt in self._deliver(Paced(source, self.transport.access, pace)):
            pace.ended(self.transport.access.asset, attempt)
            yield attempt

    def _deliver(self, source: Source) -> Iterator[Attempt]:
        while (attempt := source.take(may_wait=True)) is not None:
            if attempt.has_ended:
                yield attempt
                continue
            objection = self.reach.objection()
            if objection is not None:
                attempt.error = objection
                yield attempt
                continue
            try:
                session = self.transport.session()
            except MailError as exc:
                if self._gives_way:
                    source.put_back(attempt)
                    return
                if not self.transport.access.is_refused and not isinstance(exc, NoTurn):
                    self.reach.failed(exc)
                attempt.facts = self.transport.facts
                attempt.error = exc
                yield attempt
            else:
                self.reach.succeeded()
                source.put_back(attempt)
                yield from Window(self.transport, self.observer, session).deliver(source)


class Window:
    """The messages that go over one session, until there are no more or it takes no more."""

    def __init__(self, transport: Transport, observer: Observer, session: Session) -> None:
        self._transport = transport
        self._observer = observer
        self._session = session
        self._taken: deque[Attempt] = deque()
        """In order: every attempt that was taken and is not told yet."""
        self._in_flight: deque[Attempt] = deque()
        """Those of them that the session was given."""
        self._settled = 0
        """How many of those that the session was given it has dealt with."""
        self._again: deque[tuple[Attempt, Delivery | None]] = deque()
        """Those of which something has to go over another connection, with what became of them on this one."""

    def deliver(self, source: Source) -> Iterator[Attempt]:
        """Yield what has ended, in order; the few that need another connection hold up those behind them."""
        window = self._transport.access.asset.window
        try:
            for delivery in self._session.send_many(self._compose(source), window, self._committing):
                self._settle(delivery)
                yield from self._ended()
        except MailError:
            # Whoever watches would not let one of them be completed, and so none of those in flight was.
            self._again.extend((attempt, None) for attempt in self._in_flight if not attempt.has_ended)
        if self._again:
            self._observer.progress(
                "The server closed the connection between two messages; connecting again."
            )
        while self._again:
            self._send_again(*self._again.popleft())
            yield from self._ended()
        yield from self._ended()

    def _compose(self, source: Source) -> Iterator[tuple[Envelope, Content]]:
        """Take attempts while the session takes messages; one that can't be composed keeps its place."""
        while self._session.is_open and not self._session.is_used_up and not self._again:
            attempt = source.take(may_wait=not self._in_flight)
            if attempt is None:
                return
            self._taken.append(attempt)
            attempt.is_begun = True
            if attempt.has_ended:
                continue
            message = self._composed(attempt)
            if message is not None:
                self._in_flight.append(attempt)
                yield message.envelope, watched(message.content, self._observer.sent)

    def _composed(self, attempt: Attempt) -> Message | None:
        """The message as this server can take it; None when the attempt has ended with that."""
        assert attempt.outgoing is not None  # noqa: S101 - only what could not be prepared has none
        offered = self._session.extensions
        eight_bit = "8BITMIME" in offered
        # RFC 6531 section 3.1: who offers SMTPUTF8 offers 8BITMIME too. Who doesn't gets no octet above 127.
        smtputf8 = eight_bit and self._transport.access.asset.allow_smtputf8 and "SMTPUTF8" in offered
        try:
            message = attempt.outgoing.compose(eight_bit=eight_bit, smtputf8=smtputf8)
        except MailError as exc:
            attempt.facts = self._transport.facts
            attempt.error = exc
            return None
        if message.envelope.notify and "DSN" not in offered:
            warning = "the server does not offer DSN: it was not told when to report on the delivery"
            message = message._replace(warnings=(*message.warnings, warning))
        attempt.message = message
        return message

    def _committing(self, numbers: Sequence[int]) -> None:
        """The point of no return of those messages of the session, counted from the first that it was given."""
        self._commit([self._in_flight[number - self._settled] for number in numbers])

    def _commit(self, attempts: Sequence[Attempt]) -> None:
        try:
            self._observer.committing(attempts)
        except MailError as exc:
            if len(attempts) == 1:  # of several nobody knows yet which one it is about
                attempts[0].facts = self._transport.facts
                attempts[0].error = exc
            raise
        for attempt in attempts:
            attempt.is_committed = True
        self._transport.committed += len(attempts)

    def _settle(self, delivery: Delivery) -> None:
        """Give the first attempt in flight its delivery, unless another connection can do better with it."""
        attempt = self._in_flight.popleft()
        self._settled += 1
        if delivery.elsewhere:
            self._again.append((attempt, delivery))
        else:
            attempt.facts = self._transport.facts
            attempt.delivery = delivery

    def _send_again(self, attempt: Attempt, delivery: Delivery | None) -> None:
        message = attempt.message
        assert message is not None  # noqa: S101 - it was in flight
        content = watched(message.content, self._observer.sent)

        def committing(_numbers: Sequence[int]) -> None:
            self._commit([attempt])

        try:
            if delivery is None:
                delivery = self._transport.send(message.envelope, content, committing)
            else:
                delivery = self._transport.send_the_rest(delivery, message.envelope, content, committing)
        except MailError as exc:
            attempt.facts = self._transport.facts
            attempt.error = exc
        else:
            attempt.facts = self._transport.facts
            attempt.delivery = delivery

    def _ended(self) -> Iterator[Attempt]:
        while self._taken and self._taken[0].has_ended:
            yield self._taken.popleft()
