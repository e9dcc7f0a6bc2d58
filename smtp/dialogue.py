"""The dialogue with a mail server around the messages: from its banner through EHLO, STARTTLS and AUTH to QUIT."""

from __future__ import annotations

import contextlib
import re
import socket
from types import TracebackType
from typing import TYPE_CHECKING, Self

from smtp import commands
from smtp.commands import Kind
from smtp.connection import Connection
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
from smtp.options import Options, Timeouts
from smtp.reply import Reply
from smtp.stream import SocketStream, Stream, connect
from smtp.tls import TlsState, make_context, state_of
from smtp.transaction import refused

if TYPE_CHECKING:
    import ssl

    from smtp.sasl.credentials import Credentials

QUIT_TIMEOUT = 5.0
_NOTHING_OFFERED = Extensions()
_HOST_NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)


class Dialogue:
    """One connection to a server: greeted, encrypted, logged in. Not for several threads at once."""

    def __init__(self, stream: Stream, host: str, options: Options | None = None) -> None:
        options = options or Options()
        self.host = host
        self.extensions = _NOTHING_OFFERED
        self.tls: TlsState | None = None
        self.auth_mechanism = ""
        self._options = options
        self._context = options.context
        self._connection = Connection(stream, options.timeouts)
        self._is_introduced = False
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
        session = cls(SocketStream(connection, options.interrupt), host, options)
        try:
            if options.implicit_tls:
                session._shake_hands()
            session._read_banner()
        except BaseException:
            session.close()
            raise
        return session

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
        session = cls(stream, host, options)
        try:
            options.reached(Step.CONNECT)
            if options.implicit_tls:
                session._shake_hands()
                options.reached(Step.TLS)
            session._read_banner()
            options.reached(Step.BANNER)
        except BaseException:
            session.close()
            raise
        return session

    # -- the state of things -----------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._connection.is_open

    @property
    def is_usable(self) -> bool:
        """The connection is open, and the server has not said farewell on it."""
        return self._connection.is_open and not self._connection.engine.said_farewell

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
        """EHLO, and what the server offers. `allow_helo` falls back to HELO where EHLO is not known.

        `name` is our host name; by default this machine's, or its address where it has no full one.
        """
        name = name if isinstance(name, str) else name.decode()
        if not name:
            name = socket.gethostname()
            if not _HOST_NAME.fullmatch(name):  # RFC 5321 section 4.1.4: then our address on this connection
                address = self._connection.stream.local.partition("%")[0]
                name = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        self._is_introduced = True
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
        from smtp.sasl import exchange  # many servers want nobody to log in

        self._introduce()
        self.auth_mechanism = exchange.log_in(
            self._connection,
            self.host,
            credentials,
            self.extensions.auth,
            allow_plaintext=allow_plaintext,
            only=mechanism,
        )
        return self.auth_mechanism

    # -- questions ---------------------------------------------------------------------------------------

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

    # -- the end -----------------------------------------------------------------------------------------

    def quit(self) -> None:
        """QUIT, and let go of the connection. What was accepted stays accepted, whatever is answered."""
        connection = self._connection
        if connection.engine.is_quiet and connection.engine.may_send(Kind.QUIT):
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
            self.close()
            raise refused(answer)
        self._connection.check_quiet(Step.BANNER)

    def _shake_hands(self) -> TlsState:
        self._connection.start_tls(self._context or make_context(), self._options.server_name or self.host)
        self.extensions = _NOTHING_OFFERED
        self._is_introduced = False
        secure = self._connection.stream.tls
        assert secure is not None  # noqa: S101 - what start_tls has just made
        self.tls = state_of(secure)
        return self.tls
