"""One mail on its way through: what goes to the mail server as it comes, and the truth that comes back.

Nothing is stored. The client gets the server's own answers, for MAIL, for each recipient and for the message, and 250
only after the server's. Where that answer is missing nobody knows, and the client is told so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from doors.relay.head import Head, MailLoop
from doors.relay.replies import from_error, handed_on, reply
from doors.relay.upstream import Lent, Upstream
from smtp.envelope import Address
from smtp.errors import ConnectionLost, MailError, RemoteProtocolError, SmtpError
from smtp.extensions import Extensions
from smtp.reply import Reply
from smtp.stepwise import Stepwise

GO_ON = Reply(354, ("Go on; end with <CRLF>.<CRLF>",))
IN_CIRCLES = reply(554, "5.4.6", "The mail has come through too many servers: it goes round in circles")
MAY_BE_DELIVERED = "The mail may have been delivered: the mail server's last answer is missing"


@dataclass(slots=True)
class Recipient:
    """Somebody whom the client named, and what the server said to that."""

    address: Address
    parameters: tuple[str, ...]
    answer: Reply | None = None

    @property
    def is_accepted(self) -> bool:
        return self.answer is not None and self.answer.code < 300


@dataclass(slots=True)
class Mail:
    """From MAIL to the last reply. `refusal` is why nothing more of it goes anywhere; it is the answer to its end."""

    upstream: Upstream
    interrupt: Callable[[], None]
    sender: Address | None
    parameters: tuple[str, ...] = ()
    recipients: list[Recipient] = field(default_factory=list)
    refusal: Reply | None = None
    outcome: str = "not sent"
    octets: int = 0
    accepted: int = 0
    """How many recipients the server has accepted."""
    head: Head | None = None
    _lent: Lent | None = None
    _transaction: Stepwise | None = None
    _due: deque[Recipient | None] = field(default_factory=deque)

    def open(self) -> None:
        """Borrow a session. Raises `MailError`: then there is no mail."""
        self._lent = self.upstream.lend(self.interrupt)

    @property
    def offered(self) -> Extensions:
        """What the mail server of this mail offers."""
        return self._lent.session.extensions if self._lent is not None else Extensions()

    def mail(self, parameters: tuple[str, ...]) -> None:
        """Say MAIL. The answer is the first of those that `next_answer` gives."""
        self.parameters = parameters
        if self._lent is not None:
            self._begin(self._lent)

    def rcpt(self, recipient: Recipient) -> None:
        """Say RCPT. The answer is one of those that `next_answer` gives."""
        self.recipients.append(recipient)
        self._due.append(recipient)
        transaction = self._transaction
        if self.refusal is None and transaction is not None:
            try:
                transaction.rcpt(recipient.address, recipient.parameters)
            except SmtpError as exc:
                self._break_off(exc)

    def next_answer(self) -> Reply:
        """What the server answers to MAIL, then to each recipient told since, in their order."""
        answer = self._next_answer()
        one = self._due.popleft()
        if one is not None:
            one.answer = answer
            self.accepted += answer.code < 300
        return answer

    def begin_message(self, received: str) -> Reply:
        """The answer to DATA, or to the first chunk's line: 354, or the server's refusal."""
        if self._transaction is None or self.refusal is not None:
            return self.refusal or _no_session()
        try:
            said = self._transaction.begin()
        except SmtpError as exc:
            self._break_off(exc)
            return self.refusal or _no_session()
        if said.code != 354:
            return handed_on(said)
        self.head = Head(received, self.sender)
        return GO_ON

    def write(self, piece: bytes) -> None:
        """Hand octets of the message on. What goes wrong is `refusal` from then on."""
        self.octets += len(piece)
        if self.refusal is not None or self._transaction is None or self.head is None:
            return
        try:
            if octets := self.head.take(piece):
                self._transaction.write(octets)
        except MailLoop:
            self.refuse(IN_CIRCLES)
        except SmtpError as exc:
            self._break_off(exc)

    def finish(self) -> Reply:
        """Complete the message at the server. The answer says what became of it."""
        if self.refusal is not None or self._transaction is None or self.head is None:
            return self.refusal or _no_session()
        try:
            if octets := self.head.finish():
                self._transaction.write(octets)
            answer = self._transaction.finish()
        except MailLoop:
            self.refuse(IN_CIRCLES)
            return self.refusal or _no_session()
        except SmtpError as exc:
            if self._transaction.is_committed:
                self.outcome = "unknown"
                return reply(451, "4.4.2", f"{MAY_BE_DELIVERED} ({exc.text})")
            self._break_off(exc)
            return self.refusal or _no_session()
        if answer.code < 300:
            self.outcome = "sent" if self.accepted == len(self.recipients) else "partly sent"
        return handed_on(answer)

    def refuse(self, answer: Reply) -> None:
        """Let nothing more of it go anywhere, and answer its end so."""
        self.refusal = self.refusal or answer
        if self._transaction is not None:
            self._transaction.abandon()

    def end(self) -> None:
        """It is over: the session is there for the next. Never raises."""
        if self._transaction is not None:
            if not self._transaction.is_over:
                self._transaction.abandon()
            self._transaction = None
        if self._lent is not None:
            self.upstream.give_back(self._lent)
            self._lent = None

    # -- inside ------------------------------------------------------------------------------------------------

    def _begin(self, lent: Lent) -> None:
        """Say MAIL: over another session where a kept one is found to be at its end."""
        self._due.appendleft(None)
        while True:
            self._transaction = lent.session.begin_stepwise()
            try:
                self._transaction.mail(self.sender, self.parameters)
                return
            except (ConnectionLost, RemoteProtocolError) as exc:
                if not lent.is_used:
                    self._break_off(exc)
                    return
            except SmtpError as exc:
                self._break_off(exc)
                return
            self.end()
            try:
                lent = self._lent = self.upstream.lend(self.interrupt, is_checked=True)
            except MailError as exc:
                self._break_off(exc)
                return

    def _next_answer(self) -> Reply:
        while self.refusal is None and self._transaction is not None:
            try:
                answer = self._transaction.next_answer()
            except SmtpError as exc:
                if not (isinstance(exc, ConnectionLost) and self._may_begin_anew()):
                    self._break_off(exc)
                    break
            else:
                if answer.code != 421 or not self._may_begin_anew():
                    return handed_on(answer)
            self._due.popleft()
            self._begin_anew()
        return self.refusal or _no_session()

    def _may_begin_anew(self) -> bool:
        """A session that lay idle may be at its end, which the server shows, or says, when it is used again."""
        return self._due[0] is None and self._lent is not None and self._lent.is_used

    def _begin_anew(self) -> None:
        """Say what was said so far over another session."""
        self.end()
        try:
            lent = self._lent = self.upstream.lend(self.interrupt, is_checked=True)
        except MailError as error:
            self._due.appendleft(None)
            self._break_off(error)
            return
        self._begin(lent)
        for recipient in self.recipients:
            if self.refusal is None and self._transaction is not None:
                try:
                    self._transaction.rcpt(recipient.address, recipient.parameters)
                except SmtpError as error:
                    self._break_off(error)

    def _break_off(self, error: MailError) -> None:
        self.refuse(from_error(error))


def _no_session() -> Reply:
    return reply(451, "4.3.0", "There is no session with the mail server")
