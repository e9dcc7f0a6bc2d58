"""One client's connection, from the banner to the end, in a thread of its own."""

from __future__ import annotations

import ssl
import time

from doors.relay.answers import Answers
from doors.relay.login import FAILED, Login
from doors.relay.replies import reply
from doors.relay.service import Service
from doors.relay.spool import OFFERED
from doors.relay.submission import Submission
from host.unforeseen import unforeseen
from smtp.commands import Kind
from smtp.errors import Cancelled, Step
from smtp.reply import Reply
from smtp.server.engine import End, Event, Mistake, Piece, ServerEngine
from smtp.server.request import Request
from smtp.server.state import State
from smtp.stream import SocketStream

TOO_SLOW = reply(421, "4.4.2", "Nothing came for too long; the connection is closed")
# Finding a member of an enumeration takes longer than much of what is done for a command.
_MAIL, _RCPT, _DATA = Kind.MAIL, Kind.RCPT, Kind.DATA
_CLOSED, _NEGOTIATING = State.CLOSED, State.NEGOTIATING
_OF_A_MAIL = frozenset({Kind.RCPT, Kind.BDAT, Kind.BDAT_LAST})
"""These are not counted: a mail may have any number of them: recipients and octets have bounds of their own."""
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
        self._answers = Answers(self._engine, stream, service.log, self._number)
        self._login = Login(service, stream)
        self._submission = Submission(service, stream, self._engine, self._answers, self._login)
        self._mistakes = 0
        self._commands = 0
        self._has_spoken = True
        """Since the last read there was a command: the next one has its time from then on."""
        self._deadline = 0.0
        self._end_of_mail = 0.0
        """When the mail that is under way has to be complete; 0 without one."""

    @property
    def is_idle(self) -> bool:
        """Nothing is under way that the client would want to see ended well."""
        return self._submission.is_idle

    def run(self) -> None:
        service = self._service
        service.log.step(self._number, "C", f"connected from {self._stream.peer} to {service.name}")
        try:
            self._answers.banner(f"{service.host_name} ESMTP relay for {service.name}")
            self._serve()
        except TimeoutError:
            self._answers.last_word(TOO_SLOW)
        except Cancelled:
            self._answers.last_word(STOPPING)
        except (Gone, OSError, ssl.SSLError):
            pass
        except Exception as exc:  # noqa: BLE001 - a mistake of ours ends one client's connection, and is told
            service.log.warn(f"{service.name}: a client's connection was cut off. {unforeseen(exc)}")
            self._answers.last_word(reply(421, "4.3.0", "The relay made a mistake; its log says which"))
        finally:
            self._submission.drop("the client went away")
            self._login.forget()
            self._stream.close()
            service.log.step(self._number, "C", "gone")

    def _serve(self) -> None:
        engine, answers, submission = self._engine, self._answers, self._submission
        while True:
            event = engine.next_event()
            if event is not None:
                self._has_spoken = True
                self._handle(event)
                continue
            if answers.due:
                submission.settle()
            answers.flush()
            if engine.state is _CLOSED:
                raise Gone
            if engine.state is _NEGOTIATING:
                self._shake_hands()
            else:
                self._read()

    # -- what the client says ------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if isinstance(event, Request):
            if self._service.log.has_steps:
                self._show(event)
            if event.kind not in _OF_A_MAIL:
                self._commands += 1
                if self._commands > self._limits.commands:
                    self._send_away("Too many commands without a mail; the connection is closed")
            if event.kind is _MAIL:
                self._submission.begin(event)
            elif event.kind is _RCPT:
                self._submission.recipient(event)
            else:
                self._request(event)
        elif isinstance(event, Piece):
            self._submission.take(event.data)
        elif isinstance(event, End):
            if self._submission.end_of_message(event):
                self._commands = 0
        else:
            assert isinstance(event, Mistake)  # noqa: S101 - there is nothing else
            if not event.is_excused:
                self._count_mistake()
            self._answers.give(event.reply)

    def _request(self, request: Request) -> None:
        kind, submission = request.kind, self._submission
        if kind is _DATA or kind in (Kind.BDAT, Kind.BDAT_LAST):
            submission.begin_message(kind)
        elif kind in (Kind.EHLO, Kind.HELO):
            self._greet(request)
        elif kind is Kind.AUTH:
            self._answer_login(self._login.begin(request))
        elif kind is Kind.AUTH_RESPONSE:
            self._answer_login(self._login.go_on(request.response))
        elif kind is Kind.STARTTLS:
            self._starttls()
        elif kind is Kind.QUIT:
            submission.drop("the client has quit")
            self._answers.give(reply(221, "2.0.0", "Goodbye"))
        elif kind is Kind.RSET:
            submission.drop("the client has taken it back")
            self._answers.give(reply(250, "2.0.0", "Forgotten"))
        elif kind is Kind.VRFY:
            self._answers.give(reply(252, "2.1.5", "Send some mail, and the mail server will say"))
        else:
            self._answers.give(reply(250, "2.0.0", "OK"))

    def _greet(self, request: Request) -> None:
        submission = self._submission
        submission.drop("the client has begun anew")
        submission.hello, submission.is_extended = request.text, request.kind is Kind.EHLO
        offers = self._offers() if submission.is_extended else ()
        self._answers.give(Reply(250, (f"{self._service.host_name} greets you", *offers)))

    def _offers(self) -> list[str]:
        is_spooled = self._service.spool is not None
        theirs = OFFERED if is_spooled else self._login.upstream.offers(self._service.raise_if_over)
        lines = ["PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES"]
        size = min(theirs.size or self._limits.message, self._limits.message)
        lines.append(f"SIZE {size}")
        lines += [keyword for keyword in ("8BITMIME", "SMTPUTF8", "DSN") if keyword in theirs]
        if self._service.tls is not None and self._stream.tls is None:
            lines.append("STARTTLS")
        if mechanisms := self._login.mechanisms:
            lines.append(f"AUTH {' '.join(mechanisms)}")
        return lines

    def _answer_login(self, said: Reply | bytes) -> None:
        if isinstance(said, bytes):
            self._answers.challenge(said)
            return
        if said.code in FAILED:
            self._count_mistake()
        self._answers.give(said)

    def _starttls(self) -> None:
        if self._service.tls is None:
            self._answers.give(reply(502, "5.5.1", "TLS is not offered here"))
        elif self._stream.tls is not None:
            self._answers.give(reply(503, "5.5.1", "TLS is on already"))
        else:
            self._answers.give(reply(220, "2.0.0", "Go ahead"))

    def _shake_hands(self) -> None:
        assert self._service.tls is not None  # noqa: S101 - else there is no 220
        self._stream.serve_tls(self._service.tls, time.monotonic() + self._limits.command_seconds)
        self._engine.tls_started()
        self._submission.hello = ""
        self._login.forget()
        self._has_spoken = True
        self._service.log.step(self._number, "C", "TLS is on")

    # -- octets and limits ------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """A command has to be whole in its time, a message in its own, with no long pause in it."""
        limits, is_idle, now = self._limits, self._submission.is_idle, time.monotonic()
        if is_idle and self._service.is_stopping:
            raise Cancelled("the relay is being stopped", step=Step.CONNECT)
        if self._has_spoken:
            self._has_spoken = False
            self._deadline = now + limits.command_seconds
        deadline = self._deadline
        if is_idle:
            self._end_of_mail = 0.0
        else:
            self._end_of_mail = self._end_of_mail or now + limits.message_seconds
            if self._engine.is_in_message:
                deadline = now + limits.piece_seconds
            deadline = min(deadline, self._end_of_mail)
        data = self._stream.read(deadline)
        if not data:
            if self._service.is_stopping and self.is_idle:
                self._answers.last_word(STOPPING)
            raise Gone
        self._engine.receive(data)

    def _count_mistake(self) -> None:
        self._mistakes += 1
        if self._mistakes > self._limits.mistakes:
            self._send_away("Too many mistakes; the connection is closed")

    def _send_away(self, why: str) -> None:
        self._submission.settle()
        self._answers.last_word(reply(421, "4.7.0", why))
        raise Gone

    def _show(self, request: Request) -> None:
        shown = {
            Kind.AUTH: f"AUTH {request.text} <credentials>",
            Kind.AUTH_RESPONSE: "<credentials>",
            Kind.MAIL: f"MAIL FROM:<{request.address or ''}>",
            Kind.RCPT: f"RCPT TO:<{request.address}>",
        }.get(request.kind, f"{request.kind.name} {request.text}".strip())
        self._service.log.step(self._number, "C", shown)
