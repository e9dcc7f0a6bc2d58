"""The engine driven over a stream: writes, waits, and what the system says translated into our errors."""

from __future__ import annotations

import contextlib
import math
import ssl
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from smtp.commands import Command, Kind, bdat
from smtp.content import Content, DotStuffer, whole
from smtp.engine import Answer, Engine
from smtp.errors import (
    Cancelled,
    Category,
    ConnectionLost,
    Refused,
    RemoteProtocolError,
    SmtpError,
    Step,
    TimedOut,
)
from smtp.options import Timeouts
from smtp.reply import Reply
from smtp.state import State, Verdict
from smtp.stream import MAX_READ_ASIDE, Stream
from smtp.tls import TlsState, certificate_error, handshake_error
from smtp.transaction import refused

_ENDS_MESSAGE = frozenset({Kind.END, Kind.BDAT_LAST})
_DATA, _BODY, _CLOSED = Kind.DATA, Step.BODY, State.CLOSED  # as in `state.py`, which says why
# How long the reply to a complete message is waited for once somebody wants to stop, in seconds. Whoever sent the
# signal is to have an answer within two.
GRACE = 1.5


class Connection:
    """One connection and its protocol state. After an error of its own it is closed."""

    def __init__(self, stream: Stream, timeouts: Timeouts) -> None:
        self.stream = stream
        self.timeouts = timeouts
        self.engine = Engine()
        self._cancelled: Cancelled | None = None
        """Why nothing more is written, if somebody asked for it: that is also what those behind have to be told."""
        self._last_moment = math.inf
        """How long anything is waited for then."""
        self._ends_due = 0
        """How many messages are complete at the server and not answered."""
        self.ends = 0
        """How many messages were answered."""
        self.is_in_step = True
        """Nothing has happened since the replies were last known to be in step with the commands (see `Proof`)."""

    @property
    def is_open(self) -> bool:
        """Whether something may be written."""
        return self.engine.state is not _CLOSED and self._cancelled is None

    @property
    def trouble(self) -> SmtpError:
        """Why nothing may be written any more."""
        if self._cancelled is not None:
            return self._cancelled
        farewell = self.engine.farewell
        if farewell is None:
            return ConnectionLost("the connection is closed", step=Step.MAIL)
        text = f"the server is closing the connection: {farewell}"
        return ConnectionLost(text, step=Step.MAIL, reply=farewell)

    def write(self, data: bytes, step: Step | None = None, *, is_end: bool = False) -> None:
        """Write all of it. Raises `ConnectionLost` or `TimedOut`: then not all of it has left.

        `is_end` says that it completes a message at the server, if all of it has left.

        A server that is busy with a message reads nothing else, and may be so for as long as its reply may take.
        """
        if self._cancelled is not None:
            raise self._cancelled
        limit = self.timeouts.reply
        if self._ends_due:
            limit = max(limit, self.timeouts.end_of_message)
        try:
            self.stream.write(data, time.monotonic() + limit)
        except TimeoutError as exc:
            self.close()
            raise TimedOut("the server stopped reading", step=step or self.engine.step) from exc
        except OSError as exc:
            raise self._lost(exc, step or self.engine.step) from exc
        except Cancelled as exc:
            raise self._stopped(exc, step or self.engine.step) from exc
        self._ends_due += is_end

    def write_to_its_end(self, content: Content, *, chunking: bool) -> bytes:
        """Write a message but for its last octets, which are returned: by DATA a lone dot behind them completes it.

        Nothing more is written once the server has said something. Raises `SmtpError`.
        """
        begin = self.engine.send(bdat(content.size, last=True)) if chunking else b""
        stuffer = DotStuffer()
        rest = b""
        for piece in whole(content):
            if rest:
                self.check_uninterrupted()
                self.write(rest, _BODY)
            rest = piece if chunking else stuffer.stuff(piece)
            if begin:
                rest, begin = begin + rest, b""
        self.check_uninterrupted()
        return rest

    def next_answer(self) -> Answer:
        """Wait for the answer to the first command outstanding; the deadline is for the whole of it.

        While a message is complete and not answered, any answer may take as long as the one to that.
        """
        engine, deadline = self.engine, 0.0
        while True:
            try:
                answer = None if engine.reader.is_empty else engine.next_answer()
            except RemoteProtocolError:
                self.close()
                raise
            if answer is not None:
                kind = answer.command.kind
                if kind in _ENDS_MESSAGE:
                    self._ends_due = max(0, self._ends_due - 1)
                    self.ends += 1
                    self.is_in_step &= answer.is_accepted and self.ends > 1
                elif kind is _DATA and answer.is_accepted:
                    self.is_in_step = True  # no other command is answered with 354
                return answer
            if not deadline:
                limit = self.timeouts.reply
                if self._ends_due:
                    limit = max(limit, self.timeouts.end_of_message)
                deadline = time.monotonic() + limit
            if self._cancelled is not None and not self._ends_due:
                self.close()
                raise self._cancelled
            try:
                data = self.stream.read(min(deadline, self._last_moment))
            except TimeoutError as exc:
                step = engine.step
                self.close()
                raise self._cancelled or TimedOut(f"no answer within {limit:g} seconds", step=step) from exc
            except OSError as exc:
                raise self._lost(exc, engine.step) from exc
            except Cancelled as exc:
                stopped = self._stopped(exc, engine.step)
                if not self._ends_due:
                    raise stopped from exc
                continue
            if not data:
                step = engine.step
                self.close()
                raise self._cancelled or ConnectionLost("the server closed the connection", step=step)
            engine.receive(data)

    def exchange(self, command: Command) -> Answer:
        """One command and its answer. What was said before the command must not be taken for the answer to it."""
        if not self.engine.pending:
            self.check_quiet(command.step)
        self.write(self.engine.send(command), command.step)
        return self.next_answer()

    def require(self, command: Command) -> Reply:
        """One command that has to be accepted. Raises `Refused`."""
        answer = self.exchange(command)
        if answer.verdict is not Verdict.ACCEPTED:
            raise refused(answer)
        return answer.reply

    def check_quiet(self, step: Step) -> None:
        """Make sure, without waiting, that the server said nothing unasked and has not closed.

        Raises `ConnectionLost` for a close or a farewell, `RemoteProtocolError` for anything else.
        """
        engine = self.engine
        if not engine.pending and engine.reader.is_empty and not self.stream.has_input():
            return
        unread = self._unread()
        self.close()
        if unread is None:
            raise ConnectionLost("the server has closed the connection", step=step)
        reply = unread if isinstance(unread, Reply) else None
        if reply is not None and reply.code == 421:
            raise ConnectionLost(f"the server is closing the connection: {reply}", step=step, reply=reply)
        # Behind the go-ahead for TLS it may be somebody else's voice (RFC 3207 section 4.2).
        category = Category.SECURITY if step is Step.STARTTLS else Category.PROTOCOL
        text = f"the server spoke out of turn: {unread}"
        raise RemoteProtocolError(text, step=step, category=category, reply=reply)

    def second_answer(self, *, wait: bool = False) -> Reply | None:
        """What the server said behind its answer to a message, though nothing was asked; the connection is closed then.

        None where it said nothing so far, or said farewell, or what is no reply. `wait` for it a second at most.
        """
        if not self.is_open or not (wait or not self.engine.reader.is_empty or self.stream.has_input()):
            return None
        unread = self._unread()
        self.close()
        return unread if isinstance(unread, Reply) and unread.code != 421 else None

    def check_uninterrupted(self) -> None:
        """Make sure that the server said nothing while a message is being written: nothing may be written after that.

        Raises `Refused` with what it said, `ConnectionLost` where it closed, or `RemoteProtocolError`.
        """
        if self.engine.reader.is_empty and not self.stream.has_input():
            return
        unread = self._unread()
        self.close()
        if unread is None:
            raise ConnectionLost("the server closed the connection during the message", step=Step.BODY)
        reply = unread if isinstance(unread, Reply) else None
        if reply is not None and reply.code >= 400:
            raise _refused_early(reply)
        raise RemoteProtocolError(
            f"the server answered before the message was complete: {unread}", step=Step.BODY, reply=reply
        )

    def start_tls(self, context: ssl.SSLContext, host: str) -> TlsState:
        """Shake hands for `host`; what was negotiated is returned.

        Raises `CertificateError` or another `TlsError`, `ConnectionLost`, `TimedOut`.
        """
        deadline = time.monotonic() + self.timeouts.connect
        try:
            self.stream.start_tls(context, host, deadline)
        except ssl.SSLCertVerificationError as exc:
            self.close()
            raise certificate_error(host, exc) from exc
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as exc:
            # Which of the two it is depends on the release of Python.
            self.close()
            raise ConnectionLost(
                "the server closed the connection during the TLS handshake", step=Step.TLS
            ) from exc
        except ssl.SSLError as exc:
            self.close()
            raise handshake_error(exc) from exc
        except TimeoutError as exc:
            self.close()
            raise TimedOut("the TLS handshake took too long", step=Step.TLS) from exc
        except OSError as exc:
            raise self._lost(exc, Step.TLS) from exc
        except Cancelled as exc:
            raise self._stopped(exc, Step.TLS) from exc
        self.engine.tls_started()
        secure = self.stream.tls
        assert secure is not None  # noqa: S101 - what the stream has just made
        certificate: dict[str, Any] = secure.getpeercert() or {}
        subject, issuer = [
            dict(chain.from_iterable(certificate.get(who, ()))) for who in ("subject", "issuer")
        ]
        ends = certificate.get("notAfter")
        expires = float(ssl.cert_time_to_seconds(ends)) if ends else None
        cipher = secure.cipher()
        return TlsState(
            version=secure.version() or "",
            cipher=cipher[0] if cipher else "",
            subject=subject.get("commonName") or subject.get("organizationName") or "",
            issuer=issuer.get("commonName") or issuer.get("organizationName") or "",
            days_left=None if expires is None else int((expires - time.time()) // 86_400),
            expires=expires,
        )

    def leftover_answers(self) -> Iterator[Answer]:
        """Answers that had arrived before the connection broke and were not taken yet."""
        with contextlib.suppress(RemoteProtocolError):
            while self.engine.pending and (answer := self.engine.next_answer()) is not None:
                yield answer

    def close(self) -> None:
        """Let go of the connection. What has arrived by now still tells of what was written before.

        It is taken without waiting; of a server that never stops, no more than fits a stream's memory.
        """
        octets = 0
        with contextlib.suppress(OSError, SmtpError):
            while octets <= MAX_READ_ASIDE and self.stream.has_input():
                data = self.stream.read(time.monotonic())
                if not data:
                    break
                self.engine.receive(data)
                octets += len(data)
        self.engine.close()
        self.stream.close()

    def _unread(self) -> Reply | RemoteProtocolError | None:
        """The unasked-for reply, or what is wrong with it; None where the connection ended instead."""
        deadline = time.monotonic() + min(1.0, self.timeouts.reply)
        try:
            while True:
                reply = self.engine.unasked_reply()
                if reply is not None:
                    return reply
                data = self.stream.read(deadline)
                if not data:
                    return None
                self.engine.receive(data)
        except RemoteProtocolError as exc:
            return exc
        except TimeoutError:
            return RemoteProtocolError("the server sent a part of a reply", step=self.engine.step)
        except (OSError, SmtpError):
            return None

    def _stopped(self, exc: Cancelled, step: Step) -> Cancelled:
        """The same, at the step where it struck: whoever asked for it could not know.

        Nothing more is written. What is due for complete messages is still read for a moment: nobody is to be left
        in doubt about them.
        """
        self._cancelled = Cancelled(exc.text, step=step)
        self._last_moment = time.monotonic() + GRACE
        self.stream.ignore_interrupt()
        if not self._ends_due:
            self.close()
        return self._cancelled

    def _lost(self, exc: OSError, step: Step) -> SmtpError:
        """The connection broke. What the server said before it did is worth more than the system's errno."""
        self.close()
        if not self.engine.pending:
            said = self.engine.unasked_reply()
            if said is not None and said.code >= 400:
                return _refused_early(said)
        reason = (exc.strerror or str(exc) or type(exc).__name__).lower()
        return ConnectionLost(f"the connection broke: {reason}", step=step)


def _refused_early(reply: Reply) -> SmtpError:
    return Refused(
        f"the server refused the message while it was being sent: {reply}", step=Step.BODY, reply=reply
    )
