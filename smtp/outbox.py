"""From messages to transactions: what the server can't take is not offered, and what is too much at once is split."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from smtp.connection import Connection
from smtp.content import Content
from smtp.envelope import Address, Body, Envelope
from smtp.errors import Category, ConnectionLost, NotOffered, SmtpError, Step, TooLarge
from smtp.extensions import Extensions
from smtp.outcome import Delivery, Outcome, joined, not_sent
from smtp.pipeline import Pipeline
from smtp.transaction import Transaction


class Outbox:
    """Sends whole messages over one connection that is ready for them."""

    def __init__(self, connection: Connection, extensions: Extensions, pipeline: Pipeline) -> None:
        self._connection = connection
        self._extensions = extensions
        self._pipeline = pipeline
        self._limits = extensions.limits
        self._begun = 0

    @property
    def has_begun(self) -> bool:
        return self._begun > 0

    @property
    def is_used_up(self) -> bool:
        """As many transactions were begun as the server takes on one connection (RFC 9422 section 4.1)."""
        return "MAILMAX" in self._limits and self._begun >= self._limits["MAILMAX"]

    def send(self, envelope: Envelope, content: Content) -> Delivery:
        """One message; too many recipients for one transaction make several (RFC 5321 section 4.5.3.1.10)."""
        return self._send_rest(Delivery(()), envelope, content)

    def send_many(self, messages: Iterable[tuple[Envelope, Content]], window: int) -> Iterator[Delivery]:
        """Many messages, in order. Where messages leave in one write up to `window` of them are in flight.

        Otherwise, with PIPELINING, the commands of one leave together with the end of the one before.
        """
        flying: deque[Transaction] = deque()
        for envelope, content in messages:
            together = self._fits_behind_another(envelope, content)
            ahead = self._room(flying, content, window) if together else 0
            while flying and (len(flying) > ahead or not self._connection.is_open):
                yield self._landed(flying)
            if together and self._connection.is_open:
                transaction = Transaction(envelope, content)
                self._begun += 1
                self._pipeline.begin(transaction, flying[-1] if flying else None)
                flying.append(transaction)
            else:
                yield self.send(envelope, content)
        while flying:
            yield self._landed(flying)

    def _room(self, flying: deque[Transaction], content: Content, window: int) -> int:
        """How many may be in flight ahead of this message: one, unless nothing has to be waited for on the way."""
        one_write = self._pipeline.in_one_write
        waits = not one_write(content) or (bool(flying) and not one_write(flying[-1].content))
        return min(1, window - 1) if waits else window - 1

    def _landed(self, flying: deque[Transaction]) -> Delivery:
        transaction = flying.popleft()
        self._pipeline.finish(transaction)
        if transaction.deferred:
            # Another transaction for the rest: the connection has to be quiet before it begins.
            for other in flying:
                self._pipeline.finish(other)
        return self._send_rest(transaction.delivery(), transaction.envelope, transaction.content)

    def _send_rest(self, delivery: Delivery, envelope: Envelope, content: Content) -> Delivery:
        """The delivery, continued with the recipients of the envelope that it does not tell of yet."""
        while rest := envelope.recipients[len(delivery.recipients) :]:
            objection = _hopeless(delivery) or self._objection(envelope, content)
            if objection is not None:
                return joined(delivery, not_sent(rest, objection))
            transaction = Transaction(envelope.to(self._batch(rest)), content)
            self._begun += 1
            self._pipeline.begin(transaction)
            self._pipeline.finish(transaction)
            delivery = joined(delivery, transaction.delivery())
        return delivery

    def _fits_behind_another(self, envelope: Envelope, content: Content) -> bool:
        """Whether this message can be begun while others are in flight, and is one transaction."""
        if not self._pipeline.pipelining or self._objection(envelope, content) is not None:
            return False
        return self._batch(envelope.recipients) == envelope.recipients

    def _batch(self, recipients: tuple[Address, ...]) -> tuple[Address, ...]:
        """The first recipients, as many as one transaction takes: RCPTMAX and RCPTDOMAINMAX (RFC 9422 section 4)."""
        batch = recipients[: self._limits.get("RCPTMAX", len(recipients))]
        most = self._limits.get("RCPTDOMAINMAX")
        if most is None:
            return batch
        domains: set[str] = set()
        for index, address in enumerate(batch):
            domains.add(address.domain.casefold())
            if len(domains) > most:
                return batch[:index]
        return batch

    def _objection(self, envelope: Envelope, content: Content) -> SmtpError | None:
        """Why this message can't be offered to this server on this connection."""
        limit = self._extensions.size
        if limit is not None and content.size > limit:
            return TooLarge(f"the message has {content.size} octets; the server takes at most {limit}")
        if envelope.body is Body.EIGHT_BIT and "8BITMIME" not in self._extensions:
            return _missing("8BITMIME", "the message has 8-bit content")
        if envelope.smtputf8 and "SMTPUTF8" not in self._extensions:
            return _missing("SMTPUTF8", "an address or a header field is not ASCII")
        if not self._connection.is_open:
            return ConnectionLost("the connection is closed", step=Step.MAIL)
        if self.is_used_up:
            return ConnectionLost("the server takes no more messages on this connection", step=Step.MAIL)
        return None


def _hopeless(delivery: Delivery) -> SmtpError | None:
    """Why the other recipients need not be tried: it was the message that failed, not its recipients."""
    if delivery.failure is None or delivery.failure.step is Step.RCPT:
        return None
    return delivery.failure if delivery.outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN) else None


def _missing(extension: str, why: str) -> NotOffered:
    return NotOffered(
        f"the server does not offer {extension}, and {why}", step=Step.MAIL, category=Category.PERMANENT
    )
