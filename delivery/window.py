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

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from auth.settings import LOGIN_AS_SENDER
from delivery.access import Access
from delivery.attempt import Attempt
from delivery.errors import NoTurn
from delivery.observer import Observer
from delivery.paced import Paced, Source
from delivery.pool import Pool
from delivery.progress import watched
from delivery.senders import Senders
from delivery.transport import Transport
from message.compose import Message
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import Category, MailError, SmtpError
from smtp.outcome import Delivery
from smtp.session import Session

MANY = 20
"""Messages from which on a run is worth more than one connection."""
WAITING = 4
"""Attempts for each connection that may be taken and not told."""
TRIES = 3
LOOK_AGAIN = 0.2
"""Seconds. A wait without an end could not be interrupted on every system."""


def deliver(transport: Transport, observer: Observer, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order. Only as many are composed as can be in flight.

    Raises what nobody foresaw; what has not ended by then, and is not committed, was not sent.
    """
    if transport.access.asset.login.login_as == LOGIN_AS_SENDER:
        yield from _deliver_as_senders(transport, observer, attempts)
        return
    waiting = iter(attempts)
    first = list(islice(waiting, MANY))
    alone = _OneSession(transport, observer, _Reach(observer))
    if len(first) == MANY and transport.access.asset.max_connections > 1:
        # The first message shows whether there is a server at all: only then are more sessions worth a try.
        begun = next((number for number, attempt in enumerate(first, 1) if not attempt.has_ended), MANY)
        yield from alone.deliver(_Queue(first[:begun]))
        first = first[begun:]
        if transport.is_open:
            yield from _SideBySide(alone).deliver(chain(first, waiting))
            return
    yield from alone.deliver(_Queue(chain(first, waiting)))


def _deliver_as_senders(
    transport: Transport, observer: Observer, attempts: Iterable[Attempt]
) -> Iterator[Attempt]:
    """Yield each attempt once it has ended, in order, each over a session of its sender."""
    reach = _Reach(observer)
    with Senders(transport) as senders:
        for attempt in attempts:
            own = transport
            if attempt.outgoing is not None:
                own = senders.transport_of(str(attempt.outgoing.sender or ""))
            yield from _OneSession(own, observer, reach).deliver(_Queue([attempt]))


class _Queue:
    """Attempts for one session alone."""

    def __init__(self, attempts: Iterable[Attempt]) -> None:
        self._attempts = iter(attempts)

    def take(self, *, may_wait: bool) -> Attempt | None:  # noqa: ARG002 - they are all at hand
        return next(self._attempts, None)

    def put_back(self, attempt: Attempt) -> None:
        self._attempts = chain((attempt,), self._attempts)


class _Reach:
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


class _OneSession:
    """Attempts over one session at a time; another one is opened when that is gone."""

    def __init__(
        self, transport: Transport, observer: Observer, reach: _Reach, *, gives_way: bool = False
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
                yield from _Window(self.transport, self.observer, session).deliver(source)


class _SideBySide:
    """Several sessions at work on one run. The caller's thread takes attempts and tells them; the others send them."""

    def __init__(self, alone: _OneSession) -> None:
        self._alone = alone
        self._access = alone.transport.access
        self._pool = alone.transport.pool
        self._most = min(self._access.asset.max_connections, MANY)
        self._changed = threading.Condition()
        self._waiting: deque[Attempt] = deque()
        self._no_more = False
        self._beside = 0
        """How many of the other sessions are at work. Each may yet put back an attempt, for the first one to send."""
        self._mistake: BaseException | None = None

    def deliver(self, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
        """Yield each attempt once it has ended, in order."""
        taken: deque[Attempt] = deque()
        bound = self._most * (WAITING + self._access.asset.window)
        workers = [threading.Thread(target=self._work, args=(self._alone,), name="session 1", daemon=True)]
        for number in range(2, self._most + 1):
            extra = Transport(self._access, self._pool, may_wait=False)
            beside = _OneSession(extra, self._alone.observer, self._alone.reach, gives_way=True)
            name = f"session {number}"
            workers.append(threading.Thread(target=self._work, args=(beside,), name=name, daemon=True))
        try:
            for worker in workers:
                worker.start()
                with self._changed:
                    self._beside += worker is not workers[0]
            for attempt in attempts:
                taken.append(attempt)
                if not attempt.has_ended:
                    self.put_back(attempt, last=True)
                while taken and (taken[0].has_ended or len(taken) >= bound):
                    self._wait_for(taken[0])
                    yield taken.popleft()
            while taken:
                self._end_the_queue()
                self._wait_for(taken[0])
                yield taken.popleft()
        except KeyboardInterrupt:
            self._access.stop()
            raise
        finally:
            with self._changed:
                self._waiting.clear()
            self._end_the_queue()
            for worker in workers:
                if worker.is_alive():
                    worker.join()

    def take(self, *, may_wait: bool) -> Attempt | None:
        with self._changed:
            while may_wait and not self._waiting and not (self._no_more and self._beside == 0):
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def take_beside(self, *, may_wait: bool) -> Attempt | None:
        """The same for the other sessions, which leave when the queue has ended."""
        with self._changed:
            while may_wait and not self._waiting and not self._no_more:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def put_back(self, attempt: Attempt, *, last: bool = False) -> None:
        with self._changed:
            if last:
                self._waiting.append(attempt)
            else:
                self._waiting.appendleft(attempt)
            self._changed.notify_all()

    def _work(self, session: _OneSession) -> None:
        source = self if session is self._alone else _GivingWay(self, self._pool, self._access)
        try:
            for attempt in session.deliver(source):
                self._alone.observer.ended(attempt)
                with self._changed:
                    self._changed.notify_all()
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread of the run
            with self._changed:
                self._mistake = exc
                self._changed.notify_all()
        finally:
            if session is not self._alone:
                with self._changed:
                    self._beside -= 1
                    self._changed.notify_all()
                session.transport.close()

    def _wait_for(self, attempt: Attempt) -> None:
        with self._changed:
            while not attempt.has_ended and self._mistake is None:
                self._changed.wait(LOOK_AGAIN)
            if not attempt.has_ended and self._mistake is not None:
                raise self._mistake

    def _end_the_queue(self) -> None:
        with self._changed:
            self._no_more = True
            self._changed.notify_all()


class _GivingWay:
    """The attempts of a run for a session that another run may want."""

    def __init__(self, source: _SideBySide, pool: Pool, access: Access) -> None:
        self._source = source
        self._pool = pool
        self._access = access

    def take(self, *, may_wait: bool) -> Attempt | None:
        slots, asset = self._access.slots, self._access.asset
        if self._pool.is_wanted(asset) or (slots is not None and slots.is_wanted(asset)):
            return None
        return self._source.take_beside(may_wait=may_wait)

    def put_back(self, attempt: Attempt) -> None:
        self._source.put_back(attempt)


class _Window:
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
