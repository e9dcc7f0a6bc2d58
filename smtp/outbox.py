"""From messages to transactions: what the server can't take is not offered, and what is too much at once is split.

Order. A message is begun when the one before it is on its way, and its delivery is given before that of the next.
By default one message is complete and unanswered at a time, so that a connection that breaks leaves one in doubt.

Recipients. A transaction takes what the server says that it takes (LIMITS, RFC 9422), or what it was found to take.
Those that are one too many go into another transaction with the same message.

The connection's end. What was not sent because the connection ended, or takes no more, says so for each recipient
(`RecipientDelivery.elsewhere`), as far as another connection can do better at once: when this one had served
before, so that its end says nothing about the message, or when something was learned on it that the next one
heeds. Whoever has another connection gives it the message for these recipients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from smtp.connection import Connection
from smtp.content import Content
from smtp.envelope import Body, Envelope
from smtp.errors import (
    Cancelled,
    Category,
    ConnectionLost,
    NotOffered,
    Refused,
    RemoteProtocolError,
    SmtpError,
    Step,
    TimedOut,
    TooLarge,
)
from smtp.extensions import Extensions
from smtp.in_flight import InFlight
from smtp.options import Habits
from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
from smtp.transaction import Committing, OutboxMessage, Transaction

if TYPE_CHECKING:
    from smtp.stepwise import Stepwise

_EIGHT_BIT = Body.EIGHT_BIT
MAX_WINDOW = 50
# Recipients of a message that is in flight with others: all that every server has to take (RFC 5321 section 4.5.3.1.8).
MAX_TOGETHER = 100

_Numbered = tuple[int, tuple[Envelope, Content]]
"""A message and its place in the run, from 0."""


class Outbox:
    """Sends whole messages over one connection that is ready for them."""

    def __init__(
        self, connection: Connection, extensions: Extensions, habits: Habits, pipeline: InFlight
    ) -> None:
        self._connection = connection
        self._extensions = extensions
        self._habits = habits
        self._pipeline = pipeline
        self._limits = extensions.limits
        self._begun = 0
        self._served = 0
        """How many transactions the server has dealt with, whatever it said to them."""
        self._together = 1
        """How many messages may be in flight: what this connection has shown lasts as long as it does."""

    @property
    def is_used_up(self) -> bool:
        """The server takes no more here: it says so (RFC 9422 section 4.1), said 421, or was found to close now."""
        most = self._limits.get("MAILMAX")
        if self._connection.engine.said_farewell or (most is not None and self._begun >= most):
            return True
        return self._habits.is_sure_of_most_messages and self._begun >= (self._habits.most_messages or 0)

    def send(self, envelope: Envelope, content: Content, committing: Committing | None) -> Delivery:
        """One message; too many recipients for one transaction make several (RFC 5321 section 4.5.3.1.10)."""
        self._pipeline.committing = committing
        return self._send(OutboxMessage(0, envelope, content))

    def send_many(
        self, messages: Iterable[tuple[Envelope, Content]], window: int, committing: Committing | None
    ) -> Iterator[Delivery]:
        """Many messages, in order; with a `window` over 1 so many in flight, if the server has shown that it can."""
        if not 1 <= window <= MAX_WINDOW:
            raise ValueError(f"a window has 1 to {MAX_WINDOW} messages")
        self._pipeline.committing = committing
        waiting = enumerate(messages)
        if window > 1:
            yield from self._send_in_batches(waiting, window)
        yield from self._send_in_turn(waiting)

    def begin_stepwise(self) -> Stepwise:
        """A transaction for a caller that learns of envelope and message little by little."""
        return self._pipeline.begin_stepwise()

    # -- one message at a time -------------------------------------------------------------------------------

    def _send_in_turn(self, waiting: Iterator[_Numbered]) -> Iterator[Delivery]:
        """Each message leaves together with the envelope of the next, where that may be."""
        ahead: OutboxMessage | None = None
        for number, (envelope, content) in waiting:
            message = OutboxMessage(number, envelope, content)
            if ahead is not None and ahead.transaction is not None:
                self._pipeline.open(ahead.transaction)
                is_last_of_it = len(ahead.told) == len(ahead.left)
                if is_last_of_it and self._may_follow(ahead.transaction, message):
                    following = self._new_transaction(message)
                    self._pipeline.write_with_next(ahead.transaction, following)
                    yield self._finish(ahead)
                    ahead = message
                    continue
                yield self._finish(ahead, is_followed=True)
                ahead = None
            if self._objection(message) is None:
                self._pipeline.begin(self._new_transaction(message))
                ahead = message
            else:
                yield self._send(message)
        if ahead is not None:
            yield self._finish(ahead)

    def _may_follow(self, ahead: Transaction, message: OutboxMessage) -> bool:
        """Whether the envelope of a message may leave with the message that is open."""
        if not self._pipeline.may_go_behind or not ahead.may_be_followed:
            return False
        is_last = self._habits.most_messages is not None and self._begun >= self._habits.most_messages
        # Should the message that is open be refused, the other one is begun twice.
        is_last |= self._begun + 1 >= self._limits.get("MAILMAX", self._begun + 2)
        if is_last:
            return False
        return self._objection(message) is None

    def _finish(self, message: OutboxMessage, *, is_followed: bool = False) -> Delivery:
        """The delivery of a message that was begun. Raises what the caller's hook has raised."""
        if message.transaction is not None:
            self._pipeline.finish(message.transaction)
            if is_followed:
                self._pipeline.confirm(message.transaction)
            self._settle(message, message.transaction)
        return self._send(message) if message.left else message.delivery()

    def _send(self, message: OutboxMessage) -> Delivery:
        """Go on with the recipients of which nothing is known yet."""
        while message.left:
            objection = _hopeless(message) or self._objection(message)
            if objection is not None:
                self._give_up(message, objection)
                break
            transaction = self._new_transaction(message)
            self._pipeline.begin(transaction)
            self._pipeline.finish(transaction)
            self._settle(message, transaction)
        return message.delivery()

    def _new_transaction(self, message: OutboxMessage) -> Transaction:
        message.told = self._next_batch(message)
        envelope = message.envelope
        if len(message.told) < len(envelope.recipients):
            envelope = envelope.to(tuple([envelope.recipients[index] for index in message.told]))
        message.transaction = Transaction(envelope, message.content, message.number)
        self._begun += 1
        return message.transaction

    def _settle(self, message: OutboxMessage, transaction: Transaction) -> None:
        """Note what became of the recipients of a transaction, but those that go into another one."""
        if transaction.raised is not None:
            raise transaction.raised
        message.transaction = None
        message.reply = transaction.reply or message.reply
        message.may_go_elsewhere = False
        self._begun += transaction.was_taken_back
        if known := transaction.results_if_all_is_well():
            for index, result in zip(message.told, known, strict=True):
                message.results[index] = result
            message.left = message.left[len(known) :]  # they were told from its beginning
        else:
            self._settle_trouble(message, transaction)
        if transaction.failure is None and (known or transaction.was_begun):
            self._served += 1
            if self._habits.most_messages is not None:
                self._habits.served(self._served)

    def _settle_trouble(self, message: OutboxMessage, transaction: Transaction) -> None:
        """The same for one in which not every recipient has got the message."""
        was_closed = self._was_closed(transaction)
        # Another connection can do better at once with a message of which nothing was completed here.
        has_reason = self._served > 0 or transaction.shows_limit
        is_safe = not transaction.committed or transaction.mail_refused
        message.may_go_elsewhere = was_closed and has_reason and is_safe
        known: list[RecipientDelivery] = []
        for place, index in enumerate(message.told):
            if transaction.is_accepted and transaction.deferred(place):
                continue
            result = transaction.result(place, elsewhere=message.may_go_elsewhere)
            message.results[index] = result
            known.append(result)
        message.left = [index for index in message.left if message.results[index] is None]
        message.failure = transaction.why(known) or message.failure
        message.was_broken_off = transaction.failure is not None
        if was_closed and not transaction.was_begun and not transaction.is_doubtful:
            self._habits.closed_after(self._served)

    def _was_closed(self, transaction: Transaction) -> bool:
        """The connection is no good any more, and that is why the message did not get further."""
        failure = transaction.failure or transaction.refusal()
        if failure is None or isinstance(failure, Cancelled):
            return False
        if isinstance(failure, TimedOut):
            # Behind a message that it refused, a server may have thrown away what had arrived.
            return failure.step is Step.VRFY or transaction.is_doubtful
        if isinstance(failure, ConnectionLost | RemoteProtocolError):
            return True
        if failure.step in (Step.RSET, Step.VRFY):
            # It is not about the message: Exim ends a session at the eleventh command that is about no mail.
            self._connection.close()
            return True
        return failure.code == 421 and failure.step is not Step.END and not self._connection.is_open

    def _give_up(self, message: OutboxMessage, objection: SmtpError) -> None:
        is_closed = isinstance(objection, ConnectionLost)
        elsewhere = is_closed if message.failure is not objection else message.may_go_elsewhere
        for index in message.left:
            address = message.envelope.recipients[index]
            message.results[index] = RecipientDelivery(
                address, Status.NOT_TRIED, None, objection.retryable, elsewhere
            )
        if message.failure is None or _is_about_recipients(message.failure):
            message.failure = objection
        message.left = []

    def _next_batch(self, message: OutboxMessage) -> list[int]:
        """The next recipients, as many as one transaction takes: RCPTMAX and RCPTDOMAINMAX (RFC 9422 section 4)."""
        most = self._limits.get("RCPTMAX") or self._habits.most_recipients
        batch = message.left[:most]
        most_domains = self._limits.get("RCPTDOMAINMAX")
        if most_domains is None:
            return batch
        domains: set[str] = set()
        for place, index in enumerate(batch):
            domains.add(message.envelope.recipients[index].domain.casefold())
            if len(domains) > most_domains:
                return batch[:place]
        return batch

    def _objection(self, message: OutboxMessage) -> SmtpError | None:
        """Why this message can't be offered to this server on this connection."""
        limit, size = self._extensions.size, message.content.size
        if limit is not None and size > limit:
            return TooLarge(f"the message has {size} octets; the server takes at most {limit}")
        if message.envelope.body is _EIGHT_BIT and "8BITMIME" not in self._extensions.offered:
            return _missing("8BITMIME", "the message has 8-bit content")
        if message.envelope.smtputf8 and "SMTPUTF8" not in self._extensions.offered:
            return _missing("SMTPUTF8", "an address or a header field is not ASCII")
        if not self._connection.is_open:
            return self._connection.trouble
        if self.is_used_up:
            return ConnectionLost("the server takes no more messages on this connection", step=Step.MAIL)
        return None

    # -- several messages in flight together -----------------------------------------------------------------

    def _send_in_batches(self, waiting: Iterator[_Numbered], window: int) -> Iterator[Delivery]:
        """One message, then 2, 4, … up to `window` at once; until there are no more, or something is not as it was.

        What can't be in flight with others goes by itself, in its place. Whoever has no more for the moment, and calls
        again, goes on with as many as it had.
        """
        ahead: OutboxMessage | None = None
        for number, (envelope, content) in waiting:
            first = OutboxMessage(number, envelope, content)
            if ahead is not None:
                yield self._finish(ahead, is_followed=True)
                ahead = None
            if self._together == 1 and self._pipeline.can_take_together():
                self._together = min(2, window)
            size = self._together
            if self._habits.is_surprising or self._objection(first) is not None:
                yield self._send(first)
                return
            batch = [first] if size > 1 and self._fits_with_others(first) else []
            if not batch:
                ahead = first
            for following, (envelope, content) in islice(waiting, self._room(size) - 1) if batch else ():
                message = OutboxMessage(following, envelope, content)
                if not self._fits_with_others(message):
                    ahead = message
                    break
                batch.append(message)
            if batch:
                if len(batch) == size:
                    self._together = min(2 * size, window)
                yield from self._send_together(batch)
            if ahead is not None and self._objection(ahead) is None:
                self._pipeline.begin(self._new_transaction(ahead))
        if ahead is not None:
            yield self._finish(ahead)

    def _fits_with_others(self, message: OutboxMessage) -> bool:
        """Whether it is one transaction, of which all can be written at once."""
        if self._objection(message) is not None or not self._pipeline.fits_with_others(message.content):
            return False
        return len(self._next_batch(message)) == len(message.results) <= MAX_TOGETHER

    def _room(self, size: int) -> int:
        """How many of `size` transactions the server still takes on this connection."""
        limits = (self._limits.get("MAILMAX"), self._habits.most_messages)
        return max(1, min([size, *(limit - self._begun for limit in limits if limit is not None)]))

    def _send_together(self, batch: list[OutboxMessage]) -> Iterator[Delivery]:
        transactions = [self._new_transaction(message) for message in batch]
        self._pipeline.send_together(transactions)
        for message, transaction in zip(batch, transactions, strict=True):
            self._settle(message, transaction)
            yield self._send(message)


def _hopeless(message: OutboxMessage) -> SmtpError | None:
    """Why the other recipients need not be tried: it was the message that failed, not its recipients."""
    if message.failure is None or (_is_about_recipients(message.failure) and not message.was_broken_off):
        return None
    failed = message.delivery().outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN)
    return message.failure if failed else None


def _is_about_recipients(failure: SmtpError) -> bool:
    """Whether it says nothing about the message or the connection."""
    return isinstance(failure, Refused) and failure.step is Step.RCPT


def _missing(extension: str, why: str) -> NotOffered:
    return NotOffered(
        f"the server does not offer {extension}, and {why}", step=Step.MAIL, category=Category.PERMANENT
    )
