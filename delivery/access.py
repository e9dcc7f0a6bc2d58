"""From an asset to a session that is ready to send: connected, encrypted, logged in."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from auth.choose import Choice, choose
from auth.errors import AuthError
from auth.errors import Step as LoginStep
from auth.settings import LOGIN_AS_USERNAME, Login
from delivery.asset import Asset
from delivery.observer import Observer
from delivery.pace import Pace
from delivery.pool import Slots
from smtp.errors import AuthenticationRefused, Cancelled, Category, MailError, Step
from smtp.options import Habits, Options, Timeouts
from smtp.session import Session
from smtp.tls import TlsMode, TlsState

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn
    from auth.settings import Method, State
    from delivery.certificates import FileState
    from smtp.proxy.handshake import Proxy
    from smtp.sasl.credentials import Credentials

# RFC 4954 section 6: the credential was not accepted. Other refusals of AUTH are not about it.
CREDENTIAL_REFUSED = 535
OAUTH = "OAuth"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
TOKEN, TEST_MAIL, AUTHENTICATION = "token", "test mail", "authentication"
# What people call them, in their order; a session's own steps are finer.
_CALLED: Mapping[str, str] = MappingProxyType(
    {
        Step.NAME_RESOLUTION: "name resolution",
        Step.CONNECT: "connection",
        Step.BANNER: "connection",
        Step.STARTTLS: "TLS",
        Step.TLS: "TLS",
        Step.EHLO: "EHLO",
        Step.AUTH: AUTHENTICATION,
        LoginStep.SETTINGS: AUTHENTICATION,
        LoginStep.SIGN_IN: TOKEN,
        LoginStep.TOKEN: TOKEN,
    }
)


class Taken(NamedTuple):
    """One step on the way to a server. `status` is passed, failed or skipped."""

    step: str
    status: str
    detail: str
    seconds: float


class Steps:
    """The steps of one connection, and what its server was found to be. Times are of `time.monotonic`."""

    def __init__(self) -> None:
        self.taken: dict[str, Taken] = {}
        """By what people call them, in their order."""
        self.tls: TlsState | None = None
        self.offers: tuple[str, ...] = ()
        self._since = time.monotonic()

    def add(self, step: str, detail: str = "", status: str = PASSED) -> None:
        """Add a step that took from the last one until now, or more to one that is there."""
        name = _CALLED.get(step, str(step))
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        if before := self.taken.get(name):
            seconds, detail = seconds + before.seconds, detail or before.detail
        self.taken[name] = Taken(name, status, detail, seconds)

    def describe(self, session: Session) -> None:
        """The server has said what it offers: now it is known what was found on the way."""
        self.tls, self.offers = session.tls, session.extensions.shown
        found = {"connection": f"connected to {session.peer}"}
        if session.peer != session.host:
            found["name resolution"] = f"{session.host} is {session.peer}"
        if session.tls is not None:
            found["TLS"] = f"{session.tls.version}, {session.tls.cipher}"
        for name, detail in found.items():
            if name in self.taken:
                self.taken[name] = self.taken[name]._replace(detail=detail)
        self.add("EHLO", f"the server offers {session.extensions or 'no extensions'}")


class Access:
    """How one run gets to its asset's server. Made once: the login is chosen and certificates are read here.

    `state` keeps tokens between runs, `slots` the connections of other processes on this machine apart from ours,
    `pace` what the account may send. `method` logs in instead of what the asset's fields say, and `find_proxy` is
    asked before each connection instead of the asset's `proxy`.
    With `sign_in` a person may be asked to sign in. Raises `AuthError` and
    `UnusableSetting` for an asset that can't be used, before anything is connected.
    """

    def __init__(
        self,
        asset: Asset,
        observer: Observer,
        state: State | None = None,
        sign_in: SignIn | None = None,
        slots: Slots | None = None,
        pace: Pace | None = None,
        method: Method | None = None,
        find_proxy: Callable[[], Proxy | None] | None = None,
    ) -> None:
        self.asset = asset
        self.server = f"{asset.login.server}:{asset.login.port}"
        """Host and port."""
        self.slots = slots
        self.pace = pace
        self.observer = observer
        self._state = state
        self._is_stopped = False
        login = _login(asset)
        try:
            self._choice = (
                choose(login, state, sign_in, self.is_cancelled) if method is None else Choice(method, ())
            )
            self._proxy = _proxy(asset.proxy) if asset.proxy else None
            self._tls = _context(asset)
        except MailError as first:
            raise _with_all_faults(asset, login, first) from first
        self._find_proxy = find_proxy
        self._habits = Habits()
        self.tried = ""
        """How a login was tried: OAuth, Basic or Passwordless; "" before the first connection."""
        self._refusal: AuthenticationRefused | AuthError | None = None
        self.steps = Steps()
        """Those of the connection that was tried last."""

    def as_sender(self, address: str) -> Access:
        """Return the access of an application that logs in as this sender, to the same server."""
        from copy import copy  # few applications log in for many

        own = copy(self)
        own.asset = self.asset._replace(login=self.asset.login.as_sender(address))
        own._choice = choose(_login(own.asset), self._state, is_cancelled=self.is_cancelled)
        own.tried, own._refusal = "", None
        return own

    @property
    def is_refused(self) -> bool:
        """Whether the credential was refused for good: no connection is tried any more."""
        return self._refusal is not None

    def stop(self) -> None:
        """End what waits for the server, in whichever thread, as if somebody had cancelled it."""
        self._is_stopped = True

    def is_cancelled(self) -> bool:
        """Whether this way to the server is to come to an end."""
        return self._is_stopped or self.observer.is_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raises `Cancelled`."""
        if self._is_stopped or self.observer.is_cancelled():
            raise Cancelled("the action was cancelled", step=Step.CONNECT)

    def connect_and_log_in(self, interrupt: Callable[[], None]) -> Session:
        """Open a new session; `interrupt` is called while anything is waited for, and may raise.

        A credential that was refused for good is not shown again: servers lock accounts for that. Raises
        `SmtpError` and `AuthError`.
        """
        if self._refusal is not None:
            raise self._refusal
        if not self.tried:
            self.tried = self._choice.method.name
            for reason in self._choice.skipped:
                self.observer.progress(reason)
        self.steps = Steps()
        try:
            try:
                return self._open(interrupt)
            except AuthenticationRefused as exc:
                # It is renewed once, where it can be, and tried on another connection.
                if exc.code != CREDENTIAL_REFUSED or _is_about_a_setting(exc):
                    raise
                if not self._choice.method.renew(self.observer.progress):
                    raise
            self.observer.progress("The server refused the token; trying once more with a new one.")
            return self._open(interrupt)
        except MailError as exc:
            self.steps.add(exc.step, str(exc), FAILED)
            if isinstance(exc, AuthenticationRefused | AuthError) and not exc.retryable:
                self._refusal = exc
            raise

    def _open(self, interrupt: Callable[[], None]) -> Session:
        # The token is fetched first: a server's patience is shorter than a person's or a provider's.
        credentials = self._choice.method.credentials(self.observer.progress)
        if credentials is not None and self.tried == OAUTH:
            self.steps.add(TOKEN, "there is an access token")
        asset, login, tell = self.asset, self.asset.login, self.observer.progress
        proxy = self._find_proxy() if self._find_proxy is not None else self._proxy
        tell(f"Connecting to {self.server}{f' through the {proxy.name}' if proxy else ''}.")
        session = Session.connect(
            login.server,
            login.port,
            Options(
                Timeouts(connect=login.connection_timeout, reply=login.read_timeout),
                implicit_tls=asset.ssl_config == TlsMode.SSL,
                context=self._tls,
                use_pipelining=not asset.disable_pipelining,
                use_chunking=not asset.disable_chunking,
                habits=self._habits,
                proxy=proxy,
                server_name=asset.server_name,
                interrupt=interrupt,
                reached=self.steps.add,
            ),
        )
        try:
            self._say_hello(session, credentials)
            self._tell_connected(session)
            if credentials is None:
                told = f"No login: {self.tried}."
            else:
                how = session.authenticate(
                    credentials, allow_plaintext=asset.allow_plaintext_auth, mechanism=asset.sasl_mechanism
                )
                told = f"Logged in: {self.tried}, {how or 'with the certificate alone'}."
            tell(told)
            self.steps.add(AUTHENTICATION, told)
        except BaseException:
            self.observer.session_ended(session.transcript)
            session.quit()
            raise
        return session

    def _say_hello(self, session: Session, credentials: Credentials | None) -> None:
        """Greet the server, and encrypt the connection first, as the asset wants it."""
        mode, name = self.asset.ssl_config, self.asset.ehlo_name
        if mode == TlsMode.STARTTLS:
            session.hello(name)
            session.start_tls()
        elif mode == TlsMode.IF_OFFERED:
            session.hello(name, allow_helo=True)
            if "STARTTLS" not in session.extensions:
                self.observer.progress("The server offers no TLS: this connection is not encrypted.")
                return
            session.start_tls()
        if session.tls is not None:
            self.steps.add(Step.TLS)
        session.hello(name, allow_helo=credentials is None)

    def _tell_connected(self, session: Session) -> None:
        self.steps.describe(session)
        tell, server = self.observer.progress, self.asset.login.server
        if session.is_proxied:
            tell(f"Connected to {self.server}.")
        else:
            if session.peer != server:
                tell(f"The name {server} resolves to {session.peer}.")
            tell(f"Connected to {session.peer}.")
        if session.tls is not None:
            tls = session.tls
            tell(f"Encrypted with {tls.version}, {tls.cipher}.")
            if tls.days_left is not None:
                tell(f"Certificate of {tls.subject}, issued by {tls.issuer}, {tls.days_left} days left.")
        tell(f"The server offers {session.extensions or 'no extensions'}.")


def _context(asset: Asset) -> ssl.SSLContext | None:
    """With `ca_bundle` the server is verified by the authorities in it instead of the system's.

    A process that runs for months notices when a file of authorities changes, and a folder of them when one comes or
    goes. Raises `UnusableSetting`.
    """
    if asset.ssl_config == TlsMode.NONE:
        return None
    from delivery import certificates  # not everybody has TLS

    if asset.client_cert or asset.client_key:
        return certificates.own_context(asset)
    bundle = asset.login.ca_bundle
    paths = (bundle,) if bundle else ssl.get_default_verify_paths()[:2]
    files = tuple([_file_state(path) for path in paths if path])
    return certificates.shared_context(bundle, asset.verify_server_cert, files)


def _file_state(path: str) -> FileState | None:
    """What tells whether a file is still the same; None where there is none of that name."""
    try:
        found = Path(path).expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _with_all_faults(asset: Asset, login: Login, first: MailError) -> MailError:
    """`first`, told together with whatever else of the account's settings can't be used."""
    from auth.oauth.check import faults_of, together

    found = {first.text: first}
    checks: tuple[Callable[[], object], ...] = (lambda: _proxy(asset.proxy), lambda: _context(asset))
    for check in checks:
        try:
            check()
        except MailError as error:
            found[error.text] = error
    if login.auth_type not in ("Basic", "Passwordless") and (login.client_id or login.service_account_json):
        is_told = any("ca_bundle" in text for text in found)
        found |= {
            error.text: error for error in faults_of(login._replace(ca_bundle="") if is_told else login)
        }
    return together(found.values()) if len(found) > 1 else first


def _proxy(url: str) -> Proxy | None:
    """Raises `UnusableSetting`."""
    if not url:
        return None
    from delivery.proxy import proxy_from  # hardly any server is behind one

    return proxy_from(url)


def _login(asset: Asset) -> Login:
    """The asset's login; nobody logs in over a connection that anybody can keep from being encrypted."""
    if asset.ssl_config == TlsMode.IF_OFFERED:
        return asset.login._replace(auth_type="Passwordless", login_as=LOGIN_AS_USERNAME)
    return asset.login


def _is_about_a_setting(refusal: AuthenticationRefused) -> bool:
    """Whether no other token would help: the provider does not let this account, or anybody, log in this way."""
    from delivery.remedies import remedy  # few logins are refused

    reply = refusal.reply
    known = remedy(refusal.step, reply.code, reply.enhanced_code, reply.text) if reply is not None else None
    return known is not None and known.category is Category.CONFIGURATION
