"""A session with a mail server: what a program that sends mail needs, and nothing about where it runs.

    with Session.connect("mail.example.com", 587) as session:
        session.hello()
        session.start_tls()
        session.hello()
        session.authenticate(PasswordCredentials("me", "secret"))
        delivery = session.send(Envelope(sender, recipients), Octets(message))

With `implicit_tls` `connect` does TLS by itself, and there is no `start_tls`. `send` takes a whole message
and raises nothing that the network or the server did: the delivery says what became of each recipient. The
single steps raise `SmtpError`.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, overload

from smtp import commands
from smtp.commands import Kind
from smtp.connection import Connection
from smtp.content import Content
from smtp.envelope import Address, Envelope
from smtp.errors import (
    Category,
    ConnectionLost,
    NotOffered,
    Reason,
    RemoteProtocolError,
    SmtpError,
    Step,
    TimedOut,
)
from smtp.extensions import Extensions
from smtp.in_flight import InFlight
from smtp.options import Habits, Options, Timeouts
from smtp.outbox import Outbox
from smtp.outcome import Delivery
from smtp.reply import Reply
from smtp.stream import SocketStream, Stream, connect
from smtp.tls import TlsState, make_context
from smtp.transaction import Committing, refused

if TYPE_CHECKING:
    import ssl

    from smtp.given import MessageWriter
    from smtp.sasl.credentials import Credentials
    from smtp.stepwise import Stepwise


QUIT_TIMEOUT = 5.0
_NOTHING_OFFERED = Extensions()
_HOST_NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)


class Session:
    """One connection to a server, and the messages that go over it. Not for several threads at once."""

    def __init__(self, stream: Stream, host: str, options: Options | None = None, port: int = 0) -> None:
        options = options or Options()
        self.host = host
        self.port = port
        """0 where a stream was given, and nobody said."""
        self.extensions = _NOTHING_OFFERED
        self.tls: TlsState | None = None
        self.auth_mechanism = ""
        self._options = options
        self._habits = options.habits or Habits()
        self._context = options.context
        self._connection = Connection(stream, options.timeouts)
        self._is_introduced = False
        self._outbox: Outbox | None = None
        self.begun = 0
        """How many transactions `begin_stepwise` was asked for."""
        self.transcript = self._connection.engine.transcript
        """The dialogue so far, without credentials and content."""
        self.peer = stream.peer
        """The server's IP address."""
        self.is_proxied = stream.is_proxied
        """The server is behind a proxy, and `peer` is the proxy's address."""

    @classmethod
    def dial(cls, address: str, options: Options | None = None) -> Self:
        """`connect` to HOST:PORT, where the port is a number or the name of a service: `mail.example.com:smtp`.

        Raises `InvalidValue` for anything else.
        """
        from smtp.given import split_address  # most programs have host and port apart

        return cls.connect(*split_address(address), options)

    @classmethod
    def over(cls, connection: socket.socket, host: str, options: Options | None = None) -> Self:
        """A session over a connection that there is already, as for `connect`; `host` is the server's name."""
        options = options or Options()
        return cls(SocketStream(connection, options.interrupt), host, options)._greeted()

    @classmethod
    def connect(cls, host: str, port: int, options: Options | None = None) -> Self:
        """Connect, shake hands if TLS comes first (`implicit_tls`), and read the banner.

        Raises `ConnectError`, `TlsError`, `ConnectionLost`, `Refused`, `RemoteProtocolError`, and what
        `options.interrupt` raises.
        """
        options = options or Options()
        seconds, interrupt = options.timeouts.connect, options.interrupt
        if options.proxy is None:
            stream = connect(host, port, seconds, interrupt, options.reached)
        else:
            from smtp.proxy.connect import connect_through  # hardly any server is behind one

            stream = connect_through(options.proxy, host, port, seconds, interrupt)
        return cls(stream, host, options, port)._greeted()

    # -- the state of things -----------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    @property
    def is_usable(self) -> bool:
        """The connection is open, and the server has not said farewell on it."""
        return self._connection.is_open and not self._connection.engine.said_farewell

    @property
    def is_used_up(self) -> bool:
        """The server takes no further message on this connection: it said so, or was found to close it now."""
        return self._ready_outbox().is_used_up

    def is_alive(self) -> bool:
        """Whether the connection is as it was left. Does not wait; what the server said meanwhile ends it."""
        if not self.is_usable:
            return False
        try:
            self._connection.check_quiet(Step.MAIL)
        except SmtpError:
            return False
        return True

    # -- getting ready -----------------------------------------------------------------------------------

    def hello(self, name: str | bytes = "", *, allow_helo: bool = False) -> Extensions:
        """EHLO, and what the server offers: what is sent from then on goes by that.

        `allow_helo` falls back to HELO where EHLO is not known.
        `name` is our host name; by default this machine's, or its address where it has no full one.
        """
        name = name if isinstance(name, str) else name.decode()
        if not name:
            name = socket.gethostname()
            if not _HOST_NAME.fullmatch(name):  # RFC 5321 section 4.1.4: then our address on this connection
                address = self._connection.stream.local.partition("%")[0]
                name = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        self._is_introduced = True
        self._outbox = None
        answer = self._connection.exchange(commands.ehlo(name))
        if not answer.is_accepted and allow_helo and answer.reply.code in (500, 502) and self.is_open:
            self._connection.require(commands.helo(name))
            self.extensions = Extensions()
            return self.extensions
        if not answer.is_accepted:
            raise refused(answer)
        self.extensions = Extensions.parse(answer.reply)
        return self.extensions

    def extension(self, name: str | bytes) -> tuple[bool, str]:
        """Whether the server offers an extension, whatever the case of its name, and the parameters that it names."""
        self._introduce()
        name = name if isinstance(name, str) else name.decode()
        return name in self.extensions, self.extensions.parameters(name)

    def start_tls(self, context: ssl.SSLContext | None = None) -> TlsState:
        """STARTTLS and the handshake. All that was offered before is forgotten: `hello` again (RFC 3207 4.2).

        `context` stands for the one of the options.
        """
        self._introduce()
        if context is not None:
            self._context = context
        if "STARTTLS" not in self.extensions.offered:
            raise NotOffered(
                f"STARTTLS was not offered by {self.host}",
                step=Step.STARTTLS,
                category=Category.SECURITY,
                reason=Reason.NO_STARTTLS,
            )
        self._connection.require(commands.STARTTLS)
        self._connection.check_quiet(Step.STARTTLS)
        return self._shake_hands()

    def authenticate(
        self, credentials: Credentials, *, allow_plaintext: bool = False, mechanism: str = ""
    ) -> str:
        """Log in with the best mechanism offered, or with `mechanism` and no other; its name is returned.

        "" means that the server offers no mechanism for credentials that it may do without (`optional`).
        A mechanism that hands over a secret is used with TLS, with a server on this machine, or with
        `allow_plaintext`. Where the server refuses a mechanism as such, the next one is tried. Raises `NotOffered`,
        `AuthenticationRefused`, `AuthenticationFailed`.
        """
        from smtp.sasl.credentials import log_in  # many servers want nobody to log in

        self._introduce()
        connection, offered = self._connection, self.extensions.auth
        self.auth_mechanism = log_in(
            connection, self.host, credentials, offered, allow_plaintext=allow_plaintext, only=mechanism
        )
        return self.auth_mechanism

    # -- single steps ------------------------------------------------------------------------------------

    # Whoever has not said `hello` is introduced by the first of these.

    def mail(self, sender: Address | str | bytes | None, parameters: tuple[str, ...] = ()) -> Reply:
        """MAIL. A sender that is a text or octets brings the parameters that it needs. Raises `Refused`."""
        self._introduce()
        if isinstance(sender, str | bytes):
            from smtp.given import parameters_for, sender_of  # whoever has an Address needs neither

            parameters = (*parameters, *parameters_for(sender_of(sender), self.extensions))
            sender = sender_of(sender)
        return self._connection.require(commands.mail(sender, parameters))

    def rcpt(self, recipient: Address | str | bytes, parameters: tuple[str, ...] = ()) -> Reply:
        """RCPT. Raises `Refused`; the other recipients are not touched by that."""
        if isinstance(recipient, str | bytes):
            from smtp.given import address_of

            recipient = address_of(recipient)
        return self._connection.require(commands.rcpt(recipient, parameters))

    @overload
    def data(self, content: Content | str | bytes) -> Reply: ...

    @overload
    def data(self) -> MessageWriter: ...

    def data(self, content: Content | str | bytes | None = None) -> Reply | MessageWriter:
        """DATA and the message, for a transaction made with `mail` and `rcpt`. Raises `SmtpError`.

        Without a message a writer for it is returned, whose `close` sends it. `ConnectionLost` with step `END` means
        that the message may have been delivered.
        """
        from smtp.given import MessageWriter, finish_data  # whoever has an envelope uses `send`

        self._connection.require(commands.DATA)
        return MessageWriter(self._connection) if content is None else finish_data(self._connection, content)

    def reset(self) -> Reply:
        """RSET: drop the transaction."""
        self._introduce()
        return self._connection.require(commands.RSET)

    def noop(self) -> Reply:
        """NOOP: see whether the server is still there."""
        self._introduce()
        return self._connection.require(commands.NOOP)

    def verify(self, text: str | bytes) -> Reply:
        """VRFY. Most servers answer 252, which says nothing (RFC 5321 section 7.3)."""
        self._introduce()
        return self._connection.require(commands.vrfy(text if isinstance(text, str) else text.decode()))

    # -- whole messages ----------------------------------------------------------------------------------

    def send(self, envelope: Envelope, content: Content, committing: Committing | None = None) -> Delivery:
        """One message to all recipients of the envelope, in as few transactions as the server allows.

        `committing` is called just before the octets leave that can complete it (see `Committing`).
        """
        return self._ready_outbox().send(envelope, content, committing)

    def send_many(
        self,
        messages: Iterable[tuple[Envelope, Content]],
        window: int = 1,
        committing: Committing | None = None,
    ) -> Iterator[Delivery]:
        """Many messages, in order: each is on its way before the next is asked for, or a few more.

        Each delivery is as true as `send`'s. By default one message is complete and unanswered at a time. With a
        `window` of 2 to 50 so many are, where the server has PIPELINING and CHUNKING and has shown that it passes
        over a chunk that it refuses: for servers that you know. A connection that breaks leaves so many unknown.
        Once the connection is lost the rest are not sent; `Delivery.elsewhere` says who needs another one.
        """
        return self._ready_outbox().send_many(messages, window, committing)

    def begin_stepwise(self) -> Stepwise:
        """A transaction for a caller that learns of envelope and message little by little."""
        self.begun += 1
        return self._ready_outbox().begin_stepwise()

    # -- the end -----------------------------------------------------------------------------------------

    def quit(self) -> None:
        """QUIT, and let go of the connection. What was accepted stays accepted, whatever is answered."""
        connection = self._connection
        if not connection.engine.pending and connection.engine.may_send(Kind.QUIT):
            connection.timeouts = Timeouts(reply=min(QUIT_TIMEOUT, connection.timeouts.reply))
            with contextlib.suppress(SmtpError):
                connection.exchange(commands.QUIT)
        self.close()

    def close(self) -> None:
        """Let go of the connection without a word. Never raises."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quit()

    # -- inside ------------------------------------------------------------------------------------------

    def _introduce(self) -> None:
        """Say who we are, unless that was done on this connection, and since it is encrypted."""
        if not self._is_introduced:
            self.hello(allow_helo=True)

    def _greeted(self) -> Self:
        """This session, once TLS has begun, if that comes first, and the server has greeted it."""
        try:
            if self._options.reached is not None:
                self._options.reached(Step.CONNECT)
            if self._options.implicit_tls:
                self._shake_hands()
                if self._options.reached is not None:
                    self._options.reached(Step.TLS)
            self._read_banner()
            if self._options.reached is not None:
                self._options.reached(Step.BANNER)
        except BaseException:
            self.close()
            raise
        return self

    def _read_banner(self) -> None:
        try:
            answer = self._connection.next_answer()
        except TimedOut as exc:
            if self.tls is None:
                exc.reason = Reason.SILENT_BANNER
            raise
        except (RemoteProtocolError, ConnectionLost) as exc:
            exc.hint = (
                "Check server and port: what answers there is no mail server, or not one for this machine."
            )
            raise
        if not answer.is_accepted:
            raise refused(answer)
        self._connection.check_quiet(Step.BANNER)

    def _shake_hands(self) -> TlsState:
        context, name = self._context or make_context(), self._options.server_name or self.host
        self.tls = self._connection.start_tls(context, name)
        self.extensions = _NOTHING_OFFERED
        self._is_introduced = False
        return self.tls

    def _ready_outbox(self) -> Outbox:
        """Made anew whenever the server has said what it offers."""
        if self._outbox is None:
            options, offered = self._options, self.extensions.offered
            pipelining = options.use_pipelining and "PIPELINING" in offered
            chunking = (
                options.use_chunking and "CHUNKING" in offered and not self._habits.is_wrong_about_chunks
            )
            connection, habits = self._connection, self._habits
            pipeline = InFlight(connection, self.extensions, habits, pipelining=pipelining, chunking=chunking)
            self._outbox = Outbox(connection, self.extensions, habits, pipeline)
        return self._outbox
