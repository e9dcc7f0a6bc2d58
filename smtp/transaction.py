"""One mail transaction's book-keeping: fed with answers, it knows what may be said about the message.

The point of no return is `committed`: it is set before the octets that can complete the message at the server
are written. A loss before it leaves the message not sent; a loss after it leaves it unknown, unless the
answers that did come rule a delivery out.
"""

from __future__ import annotations

from smtp.commands import Kind
from smtp.content import Content
from smtp.engine import Answer
from smtp.envelope import Envelope
from smtp.errors import Category, OutOfStep, Refused, SmtpError, Step
from smtp.outcome import Delivery, RecipientDelivery, Status
from smtp.reply import Reply


class Transaction:
    """A message for the recipients of one envelope."""

    __slots__ = (
        "_data",
        "_end",
        "_has_accepted_rcpt",
        "_mail",
        "_rcpts",
        "awaits_end",
        "committed",
        "content",
        "envelope",
        "failure",
        "is_dismissed",
        "is_written",
    )

    def __init__(self, envelope: Envelope, content: Content) -> None:
        self.envelope = envelope
        self.content = content
        self.is_written = False
        """All that there was to write has been written."""
        self.awaits_end = False
        """A reply to the complete message is due."""
        self.committed = False
        self.failure: SmtpError | None = None
        self.is_dismissed = False
        """The server's last word was 421, and not to this message: it stopped before it (RFC 5321 section 3.8)."""
        self._mail: Answer | None = None
        self._rcpts: list[Answer] = []
        self._has_accepted_rcpt = False
        self._data: Answer | None = None
        self._end: Answer | None = None

    def take(self, answer: Answer) -> None:
        """The answers come in the order of their commands; those to anything else are not ours."""
        kind = answer.command.kind
        if kind is Kind.RCPT:
            self._rcpts.append(answer)
            self._has_accepted_rcpt |= answer.is_accepted
        elif kind is Kind.MAIL:
            self._mail = answer
        elif kind is Kind.DATA:
            self._data = answer
        elif kind in (Kind.END, Kind.BDAT_LAST):
            self._end = answer

    @property
    def is_over(self) -> bool:
        """The server's last word on this message has come."""
        return self._end is not None

    @property
    def is_anomalous(self) -> bool:
        """The server accepted a message that it has no recipient for: it can't be trusted with another."""
        return self._end is not None and self._end.is_accepted and not self.has_recipients

    @property
    def mail_refused(self) -> bool:
        return self._mail is not None and not self._mail.is_accepted

    @property
    def has_recipients(self) -> bool:
        """MAIL and at least one RCPT were accepted, so far."""
        return self._has_accepted_rcpt and not self.mail_refused

    @property
    def server_wants_message(self) -> bool:
        """DATA was answered with 354."""
        return self._data is not None and self._data.is_accepted

    @property
    def deferred(self) -> int:
        """How many recipients at the end were too many for one transaction: they go into another one.

        452, or 552 of old, means that when it follows an accepted recipient (RFC 5321 section 4.5.3.1.10);
        with an enhanced code it has to be X.5.3, for 452 4.2.2 is a full mailbox.
        """
        if self._shared_fate()[0] is not Status.ACCEPTED:
            return 0
        count = 0
        for answer in reversed(self._rcpts):
            if not _is_too_many(answer):
                break
            count += 1
        return count

    def delivery(self) -> Delivery:
        """What is known, now that no more answers will come, of all recipients but the deferred ones."""
        shared = self._shared_fate()
        count = len(self.envelope.recipients) - self.deferred
        recipients = tuple(self._of_recipient(index, shared) for index in range(count))
        reply = self._end.reply if self._end is not None else None
        return Delivery(recipients, reply, self._why(recipients))

    def _shared_fate(self) -> tuple[Status, Reply | None]:
        """What became of the message for every recipient that was not refused by itself."""
        if self._end is not None:
            if self._end.is_accepted:
                # To accept what has not been written to its end is to accept nothing.
                is_whole = self.has_recipients and self.committed
                return (Status.ACCEPTED if is_whole else Status.NOT_TRIED), self._end.reply
            if self.has_recipients:
                return Status.REFUSED, self._end.reply
        if self._data is not None and not self._data.is_accepted and self.has_recipients:
            return Status.REFUSED, self._data.reply
        if self.committed and self._end is None and self._may_have_recipients and not self.is_dismissed:
            return Status.UNKNOWN, None
        return Status.NOT_TRIED, None

    @property
    def _may_have_recipients(self) -> bool:
        """No answer rules out that the server has a recipient for the message."""
        unanswered = len(self._rcpts) < len(self.envelope.recipients)
        return not self.mail_refused and (unanswered or self.has_recipients)

    def _of_recipient(self, index: int, shared: tuple[Status, Reply | None]) -> RecipientDelivery:
        address = self.envelope.recipients[index]
        if self.committed and isinstance(self.failure, OutOfStep):
            return RecipientDelivery(address, Status.UNKNOWN, None, False)
        answer = self._rcpts[index] if index < len(self._rcpts) else None
        if answer is not None and not answer.is_accepted and not self.mail_refused:
            return RecipientDelivery(address, Status.REFUSED, answer.reply, answer.reply.code < 500)
        status, reply = shared
        if status is Status.REFUSED and reply is not None:
            return RecipientDelivery(address, status, reply, reply.code < 500)
        if status is Status.NOT_TRIED:
            failure = self.failure or self._refusal()
            return RecipientDelivery(address, status, None, failure is not None and failure.retryable)
        return RecipientDelivery(address, status, answer.reply if answer else None, False)

    def _why(self, recipients: tuple[RecipientDelivery, ...]) -> SmtpError | None:
        if all(recipient.status is Status.ACCEPTED for recipient in recipients):
            return None
        refusal = self._refusal() if not isinstance(self.failure, OutOfStep) else None
        # A server that explains itself and then hangs up has given its reason before it hung up.
        return refusal if refusal is not None else self.failure

    def _refusal(self) -> SmtpError | None:
        """The reply that decided against the message, or else against recipients."""
        if self._mail is not None and not self._mail.is_accepted:
            return refused(self._mail)
        bad = [answer for answer in self._rcpts if not answer.is_accepted]
        if len(bad) == len(self.envelope.recipients):
            return refused(bad[-1])
        for answer in (self._end, self._data):
            if answer is not None and not answer.is_accepted:
                return refused(answer)
        if bad and (self.failure is None or self.is_dismissed):
            return refused(bad[-1])
        return None


def refused(answer: Answer) -> Refused:
    """A refusal as an error, with its step."""
    reply = answer.reply
    step = answer.command.step
    name = {Step.END: "the message", Step.BANNER: "the connection"}.get(step, str(step))
    error = Refused(f"the server refused {name}: {reply}", step=step, reply=reply)
    if reply.code == 421:
        error.category = Category.TEMPORARY
    return error


def _is_too_many(answer: Answer) -> bool:
    reply = answer.reply
    return reply.code in (452, 552) and reply.enhanced_code in ("", "4.5.3", "5.5.3")
