"""One mail transaction's book-keeping: fed with answers, it knows what may be said about the message.

The point of no return is `committed`: it is set before the octets that can complete the message at the server
are written. A loss before it leaves the message not sent. A loss after it leaves it unknown, unless the answers
that did come rule a delivery out: that nobody was accepted as a recipient, or that the message was refused. A
421 rules out no more than that (RFC 5321 section 3.8 has the server close then, but there are some that go on).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smtp.commands import Kind
from smtp.content import Content
from smtp.engine import Answer
from smtp.envelope import Envelope
from smtp.errors import Category, OutOfStep, Refused, SmtpError, Step
from smtp.outcome import Delivery, RecipientDelivery, Status
from smtp.reply import Reply

_TOO_MANY = ("4.5.3", "5.5.3")
# So many accepted recipients before the first refusal are no chance, even where no enhanced code says what it means.
_SURELY_MANY = 10


Committing = Callable[[Sequence[int]], None]
"""Called with the places, from 0, of messages in their run, just before the octets leave that can complete them.

If it raises, they have not left, and the connection is closed. An `SmtpError` then becomes the message's failure;
anything else is raised in the place of its delivery.
"""


# As in `state.py`, which says why.
_MAIL, _RCPT, _DATA = Kind.MAIL, Kind.RCPT, Kind.DATA
_ENDS_MESSAGE = frozenset({Kind.END, Kind.BDAT_LAST})
_ACCEPTED = Status.ACCEPTED


class Transaction:
    """A message for the recipients of one envelope. `number` is the message's place in its run."""

    def __init__(self, envelope: Envelope, content: Content, number: int = 0) -> None:
        self.envelope = envelope
        self.content = content
        self.number = number
        self.asked = 0
        """How many recipients the server was told of."""
        self.accepted = 0
        """How many it has accepted."""
        self.mail_refused = False
        self.has_recipients = False
        """MAIL and at least one RCPT were accepted, so far."""
        self.too_many = False
        """It has refused one because there were too many."""
        self.got_farewell = False
        """421 was said to a recipient: the server may be closing, or may not."""
        self.is_behind = False
        """Its envelope was written behind a message that was not answered yet."""
        self.is_doubtful = False
        """And that message was refused: what was answered to this envelope counts for nothing."""
        self.was_taken_back = False
        """It was begun twice, for the message before it was refused."""
        self.is_opened = False
        """The answers to the envelope have been heard."""
        self.data_was_answered = False
        self.server_wants_message = False
        """DATA was answered with 354."""
        self.is_written = False
        """All that there was to write has been written."""
        self.is_settled = False
        """The answer to the message has been heard, if one was due."""
        self.awaits_end = False
        """A reply to the complete message is due."""
        self.committed = False
        self.is_over = False
        """The server's last word on this message has come."""
        self.reply: Reply | None = None
        """That word."""
        self.end_refused = False
        self.failure: SmtpError | None = None
        self.raised: Exception | None = None
        """What the caller's own hook raised just before the point of no return."""
        self._mail: Answer | None = None
        self._rcpts: list[Answer] = []
        self._data: Answer | None = None
        self._end: Answer | None = None

    def take(self, answer: Answer) -> None:
        """The answers come in the order of their commands; those to anything else are not ours."""
        kind = answer.command.kind
        if kind is _RCPT:
            self._rcpts.append(answer)
            if answer.is_accepted:
                self.accepted += 1
                self.has_recipients = not self.mail_refused
            else:
                self.too_many |= self.accepted > 0 and _is_too_many(answer)
                self.got_farewell |= answer.reply.code == 421
        elif kind is _MAIL:
            self._mail = answer
            self.mail_refused = not answer.is_accepted
        elif kind is _DATA:
            self._data = answer
            self.data_was_answered = True
            self.server_wants_message = answer.is_accepted
        elif kind in _ENDS_MESSAGE:
            self._end = answer
            self.is_over = True
            self.end_refused = not answer.is_accepted
            self.reply = answer.reply

    @property
    def is_accepted(self) -> bool:
        """The server has accepted the complete message for somebody."""
        return self.is_over and not self.end_refused and self.has_recipients and self.committed

    def results_if_all_is_well(self) -> list[RecipientDelivery]:
        """What is known of the recipients where nothing went wrong, for any of them; else nothing."""
        recipients = self.envelope.recipients
        if not self.is_accepted or self.accepted < len(recipients) or self.failure is not None:
            return []
        return [
            RecipientDelivery(address, _ACCEPTED, answer.reply, False)
            for address, answer in zip(recipients, self._rcpts, strict=True)
        ]

    @property
    def shows_limit(self) -> bool:
        """Whether the number of accepted recipients is the server's limit. A bare 452 may mean a single mailbox."""
        if not self.too_many:
            return False
        clear = any(a.reply.enhanced_code in _TOO_MANY for a in self._rcpts if _is_too_many(a))
        return clear or self.accepted >= _SURELY_MANY

    @property
    def was_begun(self) -> bool:
        """The server has begun with it: MAIL was answered, and not with a farewell."""
        return self._mail is not None and self._mail.reply.code != 421

    @property
    def may_be_followed(self) -> bool:
        """All of the envelope was told, and there is a message to write: another one may go behind that."""
        return self.failure is None and self.raised is None and self.has_recipients and self._is_asked_whole

    @property
    def _is_asked_whole(self) -> bool:
        return self.asked == len(self.envelope.recipients) and not self.too_many and not self.got_farewell

    def disbelieve(self) -> None:
        """Forget the answers to the envelope: they were those to something else."""
        self._mail, self._data, self._rcpts, self.accepted = None, None, [], 0
        self.mail_refused = self.has_recipients = self.too_many = self.got_farewell = False
        self.data_was_answered = self.server_wants_message = False

    def deferred(self, index: int) -> bool:
        """Whether this recipient was one too many, or not asked for after one was, and goes into another transaction.

        452, or 552 of old, means that when it follows an accepted recipient (RFC 5321 section 4.5.3.1.10); with
        an enhanced code it has to be X.5.3, for 452 4.2.2 is a full mailbox.
        """
        if index >= self.asked:
            return True
        return self.too_many and index < len(self._rcpts) and _is_too_many(self._rcpts[index])

    def result(self, index: int, *, elsewhere: bool = False) -> RecipientDelivery:
        """What is known of a recipient, now that no more answers will come.

        `elsewhere` tells whether what was not sent for the connection's sake goes over another one.
        """
        address = self.envelope.recipients[index]
        if self.committed and isinstance(self.failure, OutOfStep):
            return RecipientDelivery(address, Status.UNKNOWN, None, False)
        answer = self._rcpts[index] if index < len(self._rcpts) else None
        # 421 says something about a recipient only if the server goes on after it, and shows that.
        is_lost = self.failure is not None and not self.committed
        is_farewell = answer is not None and answer.reply.code == 421 and is_lost
        is_deferred = is_farewell or self.deferred(index)
        if answer is not None and not answer.is_accepted and not is_deferred and not self.mail_refused:
            return RecipientDelivery(address, Status.REFUSED, answer.reply, answer.reply.code < 500)
        status, reply = self._shared_fate()
        if status is Status.REFUSED and reply is not None and not is_deferred:
            return RecipientDelivery(address, status, reply, reply.code < 500)
        if status is Status.NOT_TRIED or is_deferred:
            failure = self.failure or self.refusal()
            retryable = failure is None or failure.retryable
            return RecipientDelivery(address, Status.NOT_TRIED, None, retryable, elsewhere)
        return RecipientDelivery(address, status, answer.reply if answer else None, False)

    def why(self, results: list[RecipientDelivery]) -> SmtpError | None:
        """Why not all of these are accepted."""
        if all(result.status is _ACCEPTED for result in results):
            return None
        refusal = self.refusal() if not isinstance(self.failure, OutOfStep) else None
        # A server that explains itself and then hangs up has given its reason before it hung up.
        return refusal if refusal is not None else self.failure

    def refusal(self) -> SmtpError | None:
        """The reply that decided against the message, or else against recipients."""
        if self._mail is not None and self.mail_refused:
            return refused(self._mail)
        bad = [a for i, a in enumerate(self._rcpts) if not a.is_accepted and not self.deferred(i)]
        if len(bad) == len(self.envelope.recipients):
            return refused(bad[-1])
        for answer in (self._end, self._data):
            if answer is not None and not answer.is_accepted:
                return refused(answer)
        if bad and self.failure is None:
            return refused(bad[-1])
        return None

    def _shared_fate(self) -> tuple[Status, Reply | None]:
        """What became of the message for every recipient that was not refused by itself."""
        if self._end is not None:
            if self._end.is_accepted:
                # To accept what has not been written to its end is to accept nothing.
                is_whole = self.has_recipients and self.committed
                return (_ACCEPTED if is_whole else Status.NOT_TRIED), self._end.reply
            if self.has_recipients:
                return Status.REFUSED, self._end.reply
        if self._data is not None and not self._data.is_accepted and self.has_recipients:
            # 421 is about the connection, and before the message is there it says nothing about that.
            is_farewell = self._data.reply.code == 421
            return (Status.NOT_TRIED if is_farewell else Status.REFUSED), self._data.reply
        if self.committed and self._end is None and self._may_have_recipients:
            return Status.UNKNOWN, None
        return Status.NOT_TRIED, None

    @property
    def _may_have_recipients(self) -> bool:
        """No answer rules out that the server has a recipient for the message."""
        unanswered = len(self._rcpts) < self.asked
        return not self.mail_refused and (unanswered or self.has_recipients)


class OutboxMessage:
    """A message of an outbox, and what is known of its recipients. `number` is its place in the run, from 0."""

    def __init__(self, number: int, envelope: Envelope, content: Content) -> None:
        self.number = number
        self.envelope = envelope
        self.content = content
        self.results: list[RecipientDelivery | None] = [None] * len(envelope.recipients)
        """One for each recipient; None as long as nothing is known."""
        self.left = list(range(len(envelope.recipients)))
        """The recipients of which nothing is known yet, by their place in the envelope."""
        self.transaction: Transaction | None = None
        """The one under way; `told` are the recipients in it, by their place in the envelope."""
        self.told: list[int] = []
        self.reply: Reply | None = None
        self.failure: SmtpError | None = None
        self.was_broken_off = False
        """Its last transaction did not come to its end."""
        self.may_go_elsewhere = False

    def delivery(self) -> Delivery:
        return Delivery(tuple([result for result in self.results if result]), self.reply, self.failure)


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
    return reply.code in (452, 552) and reply.enhanced_code in ("", *_TOO_MANY)
