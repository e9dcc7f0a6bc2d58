"""One client's connection, from the banner to the end, in a thread of its own."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping

from auth.errors import AuthError
from delivery.audience import audience
from doors.relay.client_tokens import ClientTokens
from doors.relay.head import received_field
from doors.relay.mail import Mail, Recipient
from doors.relay.parameters import for_mail, for_rcpt
from doors.relay.replies import from_error, reply, token_refused
from doors.relay.service import Service
from host.local.files import StoreError
from smtp.commands import Kind
from smtp.errors import Cancelled, MailError, Step
from smtp.reply import Reply
from smtp.server.engine import End, Event, Mistake, Piece, ServerEngine
from smtp.server.logins import PASSWORDS, TOKENS, BadResponse, ClientLogin, Exchange
from smtp.server.request import BadRequest, Request
from smtp.server.state import State
from smtp.stream import SocketStream

NEXT_FROM_SERVER = None
WRITE_SECONDS = 60.0
TOO_SLOW = reply(421, "4.4.2", "Nothing came for too long; the connection is closed")
STOPPING = reply(421, "4.3.2", "The relay is being stopped; try again soon")


class Gone(Exception):
    """The client has closed, or was told its last word."""


class Dialogue:
    """Serves one client. `run` returns when the connection is over and closed, and never raises."""

    def __init__(self, stream: SocketStream, service: Service) -> None:
        self._stream = stream
        self._service = service
        self._limits = service.limits
        self._engine = ServerEngine(service.limits.message)
        self._number = service.next_number()
        self._out = bytearray()
        self._due: deque[Reply | None] = deque()
        self._mail: Mail | None = None
        self._exchange: Exchange | None = None
        self._hello = ""
        self._is_extended = False
        self._is_trusted = service.admission.is_trusted(stream.peer)
        self._login: ClientLogin | None = None
        self._upstream = service.upstream
        self._mistakes = 0
        self._commands = 0
        self._deadline = 0.0
        self.is_idle = True
        """Nothing is under way that the client would want to see ended well."""

    def run(self) -> None:
        service = self._service
        service.log.step(self._number, "C", f"connected from {self._stream.peer} to {service.name}")
        try:
            self._say(reply(220, "", f"{service.host_name} ESMTP relay for {service.name}"))
            self._serve()
        except TimeoutError:
            self._last_word(TOO_SLOW)
        except Cancelled:
            self._last_word(STOPPING)
        except (Gone, OSError, ssl.SSLError):
            pass
        except Exception as exc:  # noqa: BLE001 - a mistake of ours ends one client's connection, and is told
            service.log.warn(
                f"{service.name}: a client's connection ended by a mistake of the relay's: {exc!r:.200}"
            )
            self._last_word(reply(421, "4.3.0", "The relay made a mistake; its log says which"))
        finally:
            self._drop_mail("the client went away")
            self._forget_login()
            self._stream.close()
            service.log.step(self._number, "C", "gone")

    def _serve(self) -> None:
        self._refresh_deadline()
        while True:
            event = self._engine.next_event()
            if event is not None:
                self._refresh_deadline()
                self._handle(event)
                continue
            self._settle()
            self._flush()
            if self._engine.state is State.CLOSED:
                raise Gone
            if self._engine.state is State.NEGOTIATING:
                self._shake_hands()
            else:
                self._read()

    # -- what the client says ------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if isinstance(event, Piece):
            if self._mail is not None:
                self._mail.write(event.data)
        elif isinstance(event, End):
            self._end_of_message(event)
        elif isinstance(event, Mistake):
            self._count_mistake()
            self._answer(event.reply)
        else:
            self._request(event)

    def _request(self, request: Request) -> None:
        self._show(request)
        self._count_command(request.kind)
        kind = request.kind
        if kind is Kind.MAIL:
            self._mail_command(request)
        elif kind is Kind.RCPT:
            self._rcpt(request)
        elif kind in (Kind.DATA, Kind.BDAT, Kind.BDAT_LAST):
            self._begin_message(kind)
        elif kind in (Kind.EHLO, Kind.HELO):
            self._greet(request)
        elif kind is Kind.AUTH:
            self._begin_login(request)
        elif kind is Kind.AUTH_RESPONSE:
            self._go_on_with_login(request.response)
        elif kind is Kind.STARTTLS:
            self._starttls()
        elif kind is Kind.QUIT:
            self._drop_mail("the client has quit")
            self._answer(reply(221, "2.0.0", "Goodbye"))
        elif kind is Kind.RSET:
            self._drop_mail("the client has taken it back")
            self._answer(reply(250, "2.0.0", "Forgotten"))
        elif kind is Kind.VRFY:
            self._answer(reply(252, "2.1.5", "Send some mail, and the mail server will say"))
        else:
            self._answer(reply(250, "2.0.0", "OK"))

    def _greet(self, request: Request) -> None:
        self._drop_mail("the client has begun anew")
        self._hello, self._is_extended = request.text, request.kind is Kind.EHLO
        lines = [f"{self._service.host_name} greets you", *(self._offers() if self._is_extended else ())]
        self._answer(Reply(250, tuple(lines)))

    def _offers(self) -> list[str]:
        theirs = self._upstream.offers(self._service.raise_if_over)
        lines = ["PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES"]
        size = min(theirs.size or self._limits.message, self._limits.message)
        lines.append(f"SIZE {size}")
        lines += [keyword for keyword in ("8BITMIME", "SMTPUTF8", "DSN") if keyword in theirs]
        if self._service.tls is not None and self._stream.tls is None:
            lines.append("STARTTLS")
        if mechanisms := self._mechanisms():
            lines.append(f"AUTH {' '.join(mechanisms)}")
        return lines

    # -- TLS and logins ------------------------------------------------------------------------------------------

    def _starttls(self) -> None:
        if self._service.tls is None:
            self._answer(reply(502, "5.5.1", "TLS is not offered here"))
        elif self._stream.tls is not None:
            self._answer(reply(503, "5.5.1", "TLS is on already"))
        else:
            self._answer(reply(220, "2.0.0", "Go ahead"))

    def _shake_hands(self) -> None:
        assert self._service.tls is not None  # noqa: S101 - else there is no 220
        self._stream.serve_tls(self._service.tls, time.monotonic() + self._limits.command_seconds)
        self._engine.tls_started()
        self._hello = ""
        self._forget_login()
        self._service.log.step(self._number, "C", "TLS is on")

    def _mechanisms(self) -> list[str]:
        """What a login may be shown with: not before TLS where there is a certificate."""
        is_clear = self._service.tls is not None and self._stream.tls is None
        if is_clear or self._login is not None:
            return []
        return list(self._exchanges())

    def _exchanges(self) -> Mapping[str, Callable[[], Exchange]]:
        """A client logs in with a token of the mail server's, or with an account of this relay's."""
        if self._service.tokens is not None:
            return TOKENS
        return PASSWORDS if self._service.admission.accounts is not None else {}

    def _begin_login(self, request: Request) -> None:
        mechanisms = self._mechanisms()
        if self._login is not None:
            self._answer(reply(503, "5.5.1", "There was a login already"))
        elif request.text not in mechanisms:
            if self._service.tls is not None and self._stream.tls is None:
                self._answer(reply(538, "5.7.11", "A login needs TLS first: STARTTLS"))
            else:
                offered = ", ".join(mechanisms) or "none"
                self._answer(reply(504, "5.5.4", f"This mechanism is not known here; offered: {offered}"))
        else:
            self._exchange = self._exchanges()[request.text]()
            self._go_on_with_login(request.response)

    def _go_on_with_login(self, response: bytes | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self._answer(reply(503, "5.5.1", "There is no login under way"))
            return
        try:
            said = exchange.take(response)
        except BadResponse:
            self._exchange = None
            self._count_mistake()
            self._answer(reply(501, "5.5.2", "That is not what this mechanism says"))
            return
        if isinstance(said, bytes):
            self._out += self._engine.challenge(said)
            return
        self._exchange = None
        if self._service.tokens is not None:
            self._log_in_there(self._service.tokens, said)
            return
        accounts = self._service.admission.accounts
        if accounts is not None and accounts.is_right(said.name, said.secret):
            self._login = said
            self._answer(reply(235, "2.7.0", "Welcome"))
        else:
            self._count_mistake()
            self._answer(reply(535, "5.7.8", "User name or password is wrong"))

    def _log_in_there(self, tokens: ClientTokens, login: ClientLogin) -> None:
        """Exchange what the client brought for an access token; the mail server sees that at MAIL."""
        try:
            self._upstream = tokens.log_in(login)
        except AuthError as exc:
            self._count_mistake()
            self._service.log.warn(f"{self._service.name}: no token for a client: {exc.text}")
            self._answer(token_refused(exc))
        else:
            self._login = login
            self._answer(reply(235, "2.7.0", "There is a token; go on"))

    def _forget_login(self) -> None:
        tokens = self._service.tokens
        if self._login is not None and tokens is not None and tokens.are_good_for_once:
            self._upstream.close()
        self._login, self._upstream = None, self._service.upstream

    # -- a mail ----------------------------------------------------------------------------------------------------

    def _mail_command(self, request: Request) -> None:
        self._drop_mail("")
        if self._login is None and (not self._is_trusted or self._service.tokens is not None):
            how = "XOAUTH2 and your token" if self._service.tokens is not None else "an account of this relay"
            self._answer(reply(530, "5.7.0", f"Log in first: AUTH with {how}"))
            return
        if self._service.is_stopping:
            self._answer(reply(451, "4.3.2", "The relay is being stopped; try again soon"))
            return
        mail = Mail(self._upstream, self._service.raise_if_over, request.address)
        try:
            self._upstream.keep_pace()
            mail.open()
            mail.mail(for_mail(request, mail.offered, self._limits.message, self._service.dsn_ret))
        except BadRequest as exc:
            mail.end()
            self._answer(exc.reply)
        except StoreError as exc:
            self._service.log.warn(f"{self._service.name}: {exc}")
            self._answer(reply(451, "4.3.0", "The relay's data folder can't be used; its log says why"))
        except MailError as exc:
            self._service.log.warn(f"{self._service.name}: no session for a mail: {exc.text}")
            self._answer(from_error(exc))
        else:
            self.is_idle = False
            self._mail = mail
            self._due.append(NEXT_FROM_SERVER)

    def _rcpt(self, request: Request) -> None:
        mail = self._mail
        if mail is None or request.address is None:
            self._answer(reply(503, "5.5.1", "MAIL first"))
            return
        if len(mail.recipients) >= self._limits.recipients:
            self._answer(reply(452, "4.5.3", "Too many recipients for one mail"))
            return
        rules = audience(self._upstream.asset)
        if not rules.admits(request.address):
            self._answer(reply(550, "5.7.1", "The account of this relay may not write to this address"))
            return
        if rules.most is not None and len(mail.recipients) >= rules.most:
            self._answer(reply(550, "5.5.3", f"A mail of this account may have {rules.most} recipients"))
            return
        try:
            parameters = for_rcpt(request, mail.offered, self._service.dsn_notify)
        except BadRequest as exc:
            self._answer(exc.reply)
            return
        mail.rcpt(Recipient(request.address, parameters))
        self._due.append(NEXT_FROM_SERVER)

    def _begin_message(self, kind: Kind) -> None:
        self._settle()
        mail = self._mail
        if mail is None or not mail.accepted:
            answer = reply(554, "5.5.1", "There is no recipient that was accepted")
            if mail is not None and kind is not Kind.DATA:
                mail.refuse(answer)
        elif mail.head is not None:
            return  # one more chunk
        else:
            answer = mail.begin_message(self._received())
            if answer.code != 354 and kind is not Kind.DATA:
                mail.refuse(answer)
        if kind is Kind.DATA:
            self._answer(answer)
            if answer.code != 354 and self._engine.state is State.READY and mail is not None:
                self._conclude(mail, answer)

    def _received(self) -> str:
        protocol = "ESMTP" if self._is_extended else "SMTP"
        protocol += "S" if self._stream.tls is not None and self._is_extended else ""
        protocol += "A" if self._login is not None and self._is_extended else ""
        host = self._service.host_name
        return received_field(self._hello, self._stream.peer, host, protocol, self._service.next_number())

    def _end_of_message(self, end: End) -> None:
        mail = self._mail
        if mail is None:
            self._answer(reply(503, "5.5.1", "There is no mail"))
            return
        if end.fault is not None:
            mail.refuse(end.fault)
        if end.kind is Kind.BDAT:
            self._answer(mail.refusal or reply(250, "2.0.0", "Go on"))
            return
        answer = mail.finish()
        self._answer(answer)
        self._conclude(mail, answer)
        self._commands = 0

    def _conclude(self, mail: Mail, answer: Reply) -> None:
        """The mail has had its last answer."""
        self._mail = None
        mail.end()
        self._tell_outcome(mail, answer)
        self.is_idle = True

    def _drop_mail(self, why: str) -> None:
        """What is under way and was not completed is not sent."""
        if self._mail is None:
            return
        with contextlib.suppress(MailError):
            self._settle()
        mail, self._mail = self._mail, None
        if mail is not None:
            mail.end()
            if why and mail.recipients:
                self._tell_outcome(mail, reply(451, "", why))
        self.is_idle = True

    def _tell_outcome(self, mail: Mail, answer: Reply) -> None:
        count = f"{len(mail.accepted)} of {len(mail.recipients)} recipients"
        tell = self._service.log.warn if mail.outcome == "unknown" else self._service.log.tell
        ident = mail.head.message_id if mail.head is not None else ""
        tell(
            f"{self._service.name}: mail {ident or 'without content'} from <{mail.sender or ''}> for {count}, "
            f"{mail.octets} octets: {mail.outcome} ({answer})"
        )

    # -- answers ---------------------------------------------------------------------------------------------------

    def _answer(self, answer: Reply) -> None:
        """In its turn: behind what the mail server has not answered yet."""
        self._due.append(answer)
        if len(self._due) == 1:
            self._say(self._due.popleft() or answer)

    def _settle(self) -> None:
        """Wait for what the mail server has to say to MAIL and RCPT, and answer the client in order."""
        if not self._due:
            return
        mail = self._mail
        answers = mail.answers() if mail is not None else iter(())
        while self._due:
            due = self._due.popleft()
            self._say(due if due is not None else next(answers))
        if self._engine.state is State.READY and mail is not None and mail.head is None:
            self._mail = None  # MAIL was refused
            mail.end()
            self.is_idle = True

    def _say(self, answer: Reply) -> None:
        self._service.log.step(self._number, "S", str(answer))
        if self._engine.outstanding:
            self._out += self._engine.answer(answer)
        else:
            self._out += self._engine.close(answer) if answer.code == 421 else _banner(answer)

    def _flush(self) -> None:
        if self._out:
            data = bytes(self._out)
            self._out.clear()
            self._stream.write(data, time.monotonic() + WRITE_SECONDS)

    def _last_word(self, answer: Reply) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            self._out += self._engine.close(answer)
            self._stream.write(bytes(self._out), time.monotonic() + 1.0)

    # -- octets and limits ------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._service.is_stopping and self.is_idle:
            raise Cancelled("the relay is being stopped", step=Step.CONNECT)
        deadline = self._deadline
        if self._engine.is_in_message:
            deadline = min(deadline, time.monotonic() + self._limits.piece_seconds)
        data = self._stream.read(deadline)
        if not data:
            if self._service.is_stopping and self.is_idle:
                self._last_word(STOPPING)
            raise Gone
        self._engine.receive(data)

    def _refresh_deadline(self) -> None:
        if not self._engine.is_in_message:
            self._deadline = time.monotonic() + self._limits.command_seconds

    def _count_mistake(self) -> None:
        self._mistakes += 1
        if self._mistakes > self._limits.mistakes:
            self._settle()
            self._last_word(reply(421, "4.7.0", "Too many mistakes; the connection is closed"))
            raise Gone

    def _count_command(self, kind: Kind) -> None:
        self._commands += kind is not Kind.RCPT
        if self._commands > self._limits.commands:
            self._settle()
            self._last_word(reply(421, "4.7.0", "Too many commands without a mail; the connection is closed"))
            raise Gone

    def _show(self, request: Request) -> None:
        shown = {
            Kind.AUTH: f"AUTH {request.text} <credentials>",
            Kind.AUTH_RESPONSE: "<credentials>",
            Kind.MAIL: f"MAIL FROM:<{request.address or ''}>",
            Kind.RCPT: f"RCPT TO:<{request.address}>",
        }.get(request.kind, f"{request.kind.name} {request.text}".strip())
        self._service.log.step(self._number, "C", shown)


def _banner(answer: Reply) -> bytes:
    return f"{answer.code} {answer.lines[0].strip()}\r\n".encode("ascii", "replace")
