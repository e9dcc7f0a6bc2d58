"""The mails of one client's connection, one after the other: from MAIL to the answer to the whole message."""

from __future__ import annotations

import contextlib

from doors.relay.answers import Answers
from doors.relay.head import received_field
from doors.relay.login import Login
from doors.relay.mail import Mail, Recipient
from doors.relay.parameters import for_mail, for_rcpt
from doors.relay.replies import from_error, reply
from doors.relay.service import Service
from doors.relay.spooled import SpooledMail
from host.local.files import StoreError
from smtp.commands import Kind
from smtp.errors import MailError
from smtp.reply import Reply
from smtp.server.engine import End, ServerEngine
from smtp.server.request import BadRequest, Request
from smtp.server.state import State
from smtp.stream import SocketStream

# Finding a member of an enumeration takes longer than much of what is done for a command.
_DATA, _BDAT, _READY = Kind.DATA, Kind.BDAT, State.READY


class Submission:
    """Takes the commands that make a mail, and its octets. What it can't answer by itself the mail server does."""

    def __init__(
        self, service: Service, stream: SocketStream, engine: ServerEngine, answers: Answers, login: Login
    ) -> None:
        self._service = service
        self._stream = stream
        self._engine = engine
        self._answers = answers
        self._login = login
        self._mail: Mail | SpooledMail | None = None
        self.hello = ""
        """The name that the client gave itself."""
        self.is_extended = False
        """It said EHLO."""
        self._is_utf8 = False
        """It said SMTPUTF8 with MAIL."""
        self.is_idle = True
        """Nothing is under way that the client would want to see ended well."""

    def begin(self, request: Request) -> None:
        """MAIL."""
        if self._mail is not None:
            self.drop("")
        self._is_utf8 = "SMTPUTF8" in request.parameters
        service, upstream = self._service, self._login.upstream
        if (missing := self._login.is_missing) is not None:
            self._answers.give(missing)
            return
        if service.is_stopping:
            self._answers.give(reply(451, "4.3.2", "The relay is being stopped; try again soon"))
            return
        mail: Mail | SpooledMail
        if service.spool is not None:
            mail = SpooledMail(service.spool, service.log, request.address)
        else:
            mail = Mail(upstream, service.raise_if_over, request.address)
        try:
            if service.spool is None:
                upstream.keep_pace()
            mail.open()
            mail.mail(for_mail(request, mail.offered, service.limits.message, service.dsn_ret))
        except BadRequest as exc:
            mail.end()
            self._answers.give(exc.reply)
        except StoreError as exc:
            service.log.warn(f"{service.name}: {exc}")
            self._answers.give(reply(451, "4.3.0", "The relay's data folder can't be used; its log says why"))
        except MailError as exc:
            service.log.warn(f"{service.name}: no session for a mail: {exc.text}")
            self._answers.give(from_error(exc))
        else:
            self.is_idle = False
            self._mail = mail
            self._answers.leave_to_server()

    def recipient(self, request: Request) -> None:
        """RCPT."""
        mail, answers = self._mail, self._answers
        if mail is None or request.address is None:
            answers.give(reply(503, "5.5.1", "MAIL first"))
            return
        if len(mail.recipients) >= self._service.limits.recipients:
            answers.give(reply(452, "4.5.3", "Too many recipients for one mail"))
            return
        rules = self._login.upstream.audience
        if not rules.admits(request.address):
            answers.give(reply(550, "5.7.1", "The account of this relay may not write to this address"))
            return
        if rules.most is not None and len(mail.recipients) >= rules.most:
            answers.give(reply(550, "5.5.3", f"A mail of this account may have {rules.most} recipients"))
            return
        try:
            parameters = for_rcpt(request, mail.offered, self._service.dsn_notify, self._is_utf8)
        except BadRequest as exc:
            answers.give(exc.reply)
            return
        mail.rcpt(Recipient(request.address, parameters))
        answers.leave_to_server()

    def begin_message(self, kind: Kind) -> None:
        """DATA, or the line of a chunk."""
        if self._answers.due:
            self.settle()
        mail = self._mail
        if mail is None or not mail.accepted:
            answer = reply(554, "5.5.1", "There is no recipient that was accepted")
            if mail is not None and kind is not _DATA:
                mail.refuse(answer)
        elif mail.head is not None:
            return  # one more chunk
        else:
            answer = mail.begin_message(self._received())
            if answer.code != 354 and kind is not _DATA:
                mail.refuse(answer)
        if kind is _DATA:
            self._answers.give(answer)
            if answer.code != 354 and self._engine.state is _READY and mail is not None:
                self._conclude(mail, answer)

    def take(self, piece: bytes) -> None:
        """Octets of the message."""
        if self._mail is not None:
            self._mail.write(piece)

    def end_of_message(self, end: End) -> bool:
        """The message, or a chunk, is complete. Whether the mail has had its last answer."""
        mail = self._mail
        if mail is None:
            self._answers.give(reply(503, "5.5.1", "There is no mail"))
            return False
        if end.fault is not None:
            mail.refuse(end.fault)
        if end.kind is _BDAT:
            self._answers.give(mail.refusal or reply(250, "2.0.0", "Go on"))
            return False
        answer = mail.finish()
        self._answers.give(answer)
        self._conclude(mail, answer)
        return True

    def drop(self, why: str) -> None:
        """What is under way and was not completed is not sent."""
        if self._mail is None:
            return
        with contextlib.suppress(MailError):
            self.settle()
        mail, self._mail = self._mail, None
        if mail is not None:
            mail.end()
            if why and mail.recipients:
                self._tell_outcome(mail, reply(451, "", why))
        self.is_idle = True

    def settle(self) -> None:
        """Wait for what the mail server has to say to MAIL and RCPT, and answer the client in order."""
        if not self._answers.due:
            return
        mail = self._mail
        assert mail is not None  # noqa: S101 - turns are left to the server for a mail alone
        self._answers.settle(mail.next_answer)
        if self._engine.state is _READY and mail.head is None:
            self._mail = None  # MAIL was refused
            mail.end()
            self.is_idle = True

    def _received(self) -> str:
        protocol = "SMTP"
        if self.is_extended:
            protocol = f"ESMTP{'S' * (self._stream.tls is not None)}{'A' * self._login.is_done}"
        service = self._service
        return received_field(
            self.hello, self._stream.peer, service.host_name, protocol, service.next_number()
        )

    def _conclude(self, mail: Mail | SpooledMail, answer: Reply) -> None:
        """The mail has had its last answer; the client goes on while it is written down."""
        self._mail = None
        mail.end()
        try:
            self._answers.flush()
        finally:
            self._tell_outcome(mail, answer)
            self.is_idle = True

    def _tell_outcome(self, mail: Mail | SpooledMail, answer: Reply) -> None:
        count = f"{mail.accepted} of {len(mail.recipients)} recipients"
        tell = self._service.log.warn if mail.outcome == "unknown" else self._service.log.tell
        ident = mail.head.message_id if mail.head is not None else ""
        tell(
            f"{self._service.name}: mail {ident or 'without content'} from <{mail.sender or ''}> for {count}, "
            f"{mail.octets} octets: {mail.outcome} ({answer})"
        )
