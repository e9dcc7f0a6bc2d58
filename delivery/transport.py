"""From the asset to a session that is ready to send: connected, encrypted, logged in. One for a whole action run."""

from __future__ import annotations

import ssl
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actions.contract import Asset, Context
from auth.choose import Choice, choose
from auth.errors import AuthError
from delivery.certificates import UnusableSetting, tls_context
from delivery.pool import POOL, Interrupt, Line
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import AuthenticationRefused, Cancelled, Category, ConnectionLost, Step, TimedOut
from smtp.options import Options, Timeouts
from smtp.outcome import Delivery, Outcome
from smtp.session import Session
from smtp.tls import TlsMode

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn

# RFC 4954 section 6: the credential was not accepted. Other refusals of AUTH are not about it.
CREDENTIAL_REFUSED = 535


class Transport:
    """Keeps one session for an action run, and opens another one when that is gone.

    Raises `SmtpError`, `AuthError` and `UnusableSetting`.
    """

    def __init__(self, context: Context, sign_in: SignIn | None = None) -> None:
        self._context = context
        self._sign_in = sign_in
        self._asset = context.asset
        self._line: Line | None = None
        self._served = 0
        self._most: int | None = None
        self._refusal: AuthenticationRefused | AuthError | None = None
        self.auth_method = ""

    @property
    def server(self) -> str:
        """Host and port."""
        return f"{self._asset.server}:{self._asset.port}"

    def facts(self) -> dict[str, Any]:
        """How the server was spoken to, as a result tells it."""
        session = self._line.session if self._line is not None else None
        tls = session.tls if session is not None else None
        return {
            "tls_version": tls.version if tls else "",
            "tls_cipher": tls.cipher if tls else "",
            "auth_method": self.auth_method,
            "auth_mechanism": session.auth_mechanism if session is not None else "",
        }

    @cached_property
    def choice(self) -> Choice:
        """The way to log in, decided once; what was passed over is told."""
        choice = choose(self._asset.login, self._context.state, self._sign_in)
        for reason in choice.skipped:
            self._context.progress(reason)
        return choice

    def session(self) -> Session:
        """The session, as it was left, or a new one."""
        line = self._line
        if line is None or line.session.is_used_up or not line.session.is_alive():
            self.close()
            line = self._line = POOL.lend(self._asset, self._open, self._raise_if_cancelled)
            self.auth_method = self.choice.method.name
            self._served = 0
        return line.session

    def send(self, envelope: Envelope, content: Content) -> Delivery:
        """Send over the session, and once more over another if the server closed it before this message.

        Only a message that certainly was not sent is tried again, and only when the connection was one that
        had served before: its end says nothing about the message.
        """
        session = self.session()
        reused = session.has_sent
        delivery = session.send(envelope, content)
        self.learn(delivery)
        if reused and was_closed_before(delivery):
            delivery = self.session().send(envelope, content)
            self.learn(delivery)
        return delivery

    def room(self) -> int | None:
        """How many messages the session may be given before the end of the last is waited for; None is no limit.

        Some servers close a connection after so many messages, and don't say how many (RFC 9422 would have them
        do it). What was in flight behind the last one may then be anywhere. So where one has closed, the next
        connection gets as many as that one took, and from there on one at a time.
        """
        return None if self._most is None else max(1, self._most - self._served)

    def learn(self, delivery: Delivery) -> None:
        """Draw the lesson for `room` from a delivery over the session."""
        if _was_closed(delivery):
            self._most = self._served or None
            return
        self._served += 1
        if self._most is not None and self._served > self._most:
            self._most = None

    def close(self) -> None:
        """End the session in good order. Never raises."""
        if self._line is not None:
            POOL.give_back(self._asset, self._line)
            self._line = None

    def _open(self) -> Line:
        """A new session. A credential that was refused for good is not shown again: servers lock accounts for that."""
        if self._refusal is not None:
            raise self._refusal
        try:
            return self._open_renewed()
        except (AuthenticationRefused, AuthError) as exc:
            if not exc.retryable:
                self._refusal = exc
            raise

    def _open_renewed(self) -> Line:
        """A refused credential is renewed once, where it can be, and tried on another connection."""
        method = self.choice.method
        self.auth_method = method.name
        try:
            return self._connected_and_logged_in()
        except AuthenticationRefused as exc:
            if exc.reply is None or exc.reply.code != CREDENTIAL_REFUSED:
                raise
            if _is_about_a_setting(exc) or not method.renew(self._context.progress):
                raise
            self._context.progress("The server refused the token; trying once more with a new one.")
            return self._connected_and_logged_in()

    def _connected_and_logged_in(self) -> Line:
        # The token is fetched first: a server's patience is shorter than a person's or a provider's.
        credentials = self.choice.method.credentials(self._context.progress)
        interrupt = Interrupt(self._raise_if_cancelled)
        session = self._connected(interrupt)
        try:
            if self._asset.ssl_config == TlsMode.STARTTLS:
                session.hello(self._asset.ehlo_name)
                session.start_tls()
            session.hello(self._asset.ehlo_name, allow_helo=credentials is None)
            self._tell_connected(session)
            if credentials is not None:
                how = session.authenticate(credentials, allow_plaintext=self._asset.allow_plaintext_auth)
                self._context.progress(
                    f"Logged in: {self.auth_method}, {how or 'with the certificate alone'}."
                )
            else:
                self._context.progress(f"No login: {self.auth_method}.")
        except BaseException:
            session.quit()
            raise
        return Line(session, interrupt)

    def _connected(self, interrupt: Interrupt) -> Session:
        asset = self._asset
        self._context.progress(f"Connecting to {asset.server}:{asset.port}.")
        return Session.connect(
            asset.server,
            asset.port,
            Options(
                Timeouts(connect=asset.connection_timeout, reply=asset.read_timeout),
                implicit_tls=asset.ssl_config == TlsMode.SSL,
                context=self._tls,
                use_pipelining=not asset.disable_pipelining,
                use_chunking=not asset.disable_chunking,
                interrupt=interrupt,
            ),
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        return None if self._asset.ssl_config == TlsMode.NONE else tls_context(self._asset)

    def _tell_connected(self, session: Session) -> None:
        tell = self._context.progress
        if session.peer != self._asset.server:
            tell(f"The name {self._asset.server} resolves to {session.peer}.")
        tell(f"Connected to {session.peer}.")
        if session.tls is not None:
            tls = session.tls
            tell(f"Encrypted with {tls.version}, {tls.cipher}.")
            if tls.days_left is not None:
                tell(f"Certificate of {tls.subject}, issued by {tls.issuer}, {tls.days_left} days left.")
        tell(f"The server offers {session.extensions or 'no extensions'}.")

    def _raise_if_cancelled(self) -> None:
        if self._context.is_cancelled():
            raise Cancelled("the action was cancelled", step=Step.CONNECT)


def _is_about_a_setting(refusal: AuthenticationRefused) -> bool:
    """Whether no other token would help: the provider does not let this account, or anybody, log in this way."""
    from delivery.remedies import remedy

    reply = refusal.reply
    known = remedy(refusal.step, reply.code, reply.enhanced_code, reply.text) if reply is not None else None
    return known is not None and known.category is Category.CONFIGURATION


def objection(asset: Asset) -> str:
    """What is wrong with an asset that only those see who use its fields: a way to log in, a certificate file."""
    try:
        choose(asset.login)
        if asset.ssl_config != TlsMode.NONE and (asset.ca_bundle or asset.client_cert or asset.client_key):
            tls_context(asset)
    except AuthError as exc:
        return f"{exc} {exc.hint}".strip()
    except UnusableSetting as exc:
        return str(exc)
    return ""


def was_closed_before(delivery: Delivery) -> bool:
    """The server hung up, or said 421, before it could judge the message: no recipient was sent anything.

    An answer to the whole message, 421 too, comes after the point of no return: nothing is retried then.
    """
    failure = delivery.failure
    if delivery.outcome is not Outcome.NOT_SENT or failure is None or failure.step is Step.END:
        return False
    return _was_closed(delivery)


def _was_closed(delivery: Delivery) -> bool:
    failure = delivery.failure
    if failure is None or isinstance(failure, TimedOut):
        return False
    return isinstance(failure, ConnectionLost) or (failure.reply is not None and failure.reply.code == 421)


def transport(context: Context, sign_in: SignIn | None = None) -> Transport:
    """The action run's transport. With `sign_in` a person may be asked to sign in."""
    return context.once(lambda: Transport(context, sign_in), Transport.close)
