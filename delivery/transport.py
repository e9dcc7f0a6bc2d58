"""A run's way to its asset's server: a session that is connected, encrypted and logged in, and another when it is gone.

`Access` connects. `Transport` borrows a session from the pool when the run first needs one, and has `Access` open one
where the pool has none.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from auth.choose import Choice, FindSignIn, choose
from auth.errors import AuthError
from auth.errors import Step as LoginStep
from auth.settings import LOGIN_AS_USERNAME, Login
from delivery.asset import Asset
from delivery.attempt import Attempt, Facts
from delivery.observer import Observer
from delivery.pace import Pace
from delivery.pool import Interrupt, Pool, PooledSession, Slot, Slots
from delivery.servers import Server, Servers, broke_off
from smtp.errors import AuthenticationRefused, Cancelled, MailError, SmtpError, Step
from smtp.options import Options, Timeouts
from smtp.outcome import Delivery
from smtp.session import Session
from smtp.tls import TlsMode

if TYPE_CHECKING:
    from auth.settings import Method, State
    from delivery.certificates import FileVersion
    from delivery.steps import Steps
    from smtp.proxy.handshake import Proxy
    from smtp.sasl.credentials import Credentials

# RFC 4954 section 6: the credential was not accepted. Other refusals of AUTH are not about it.
CREDENTIAL_REFUSED = 535
OAUTH = "OAuth"


class Access:
    """How one run gets to its asset's server. Made once: the login is chosen and certificates are read here.

    `state` keeps tokens between runs, `slots` the connections of other processes on this machine apart from ours,
    `pace` what the account may send. `method` logs in instead of what the asset's fields say, and `find_proxy` is
    asked before each connection instead of the asset's `proxy`.
    `find_sign_in` finds the way to ask a person to sign in, where one has to. Raises `AuthError` and `UnusableSetting`
    for an asset that can't be used, before anything is connected.
    """

    def __init__(
        self,
        asset: Asset,
        observer: Observer,
        state: State | None = None,
        find_sign_in: FindSignIn | None = None,
        slots: Slots | None = None,
        pace: Pace | None = None,
        method: Method | None = None,
        find_proxy: Callable[[], Proxy | None] | None = None,
    ) -> None:
        self.asset = asset
        self.servers = Servers(asset)
        self.server = f"{asset.login.server}:{asset.login.port}"
        """Host and port of the asset's own."""
        self.slots = slots
        self.pace = pace
        self.observer = observer
        self._state = state
        self._is_stopped = False
        login = _without_login(asset.login) if asset.ssl_config == TlsMode.IF_OFFERED else asset.login
        try:
            self._choice = (
                choose(login, state, find_sign_in, self.is_cancelled)
                if method is None
                else Choice(method, ())
            )
            self._proxy = _proxy(asset) if asset.proxy else None
            self._tls = _context(asset)
        except MailError as first:
            from delivery.faults import with_all_faults  # few accounts are wrong

            raise with_all_faults(asset, login, first, (_proxy, _context)) from first
        self._find_proxy = find_proxy
        self.tried = ""
        """How a login was tried: OAuth, Basic or Passwordless; "" before the first connection."""
        self._refusal: AuthenticationRefused | AuthError | None = None
        self.steps: Steps | None = None
        """Where the steps of each connection are kept, for whoever asks for them."""

    def as_sender(self, address: str) -> Access:
        """Return the access of an application that logs in as this sender, to the same server."""
        from copy import copy  # few applications log in for many

        own = copy(self)
        own.asset = self.asset._replace(login=self.asset.login.as_sender(address))
        login = own.asset.login
        if self.asset.ssl_config == TlsMode.IF_OFFERED:
            login = _without_login(login)
        own._choice = choose(login, self._state, is_cancelled=self.is_cancelled)
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
        """Open a new session; `interrupt` is called first and while anything is waited for, and may raise.

        A credential that was refused for good is not shown again: servers lock accounts for that. Raises
        `SmtpError` and `AuthError`.
        """
        if self._refusal is not None:
            raise self._refusal
        interrupt()
        if not self.tried:
            self.tried = self._choice.method.name
            for reason in self._choice.skipped:
                self.observer.progress(reason)
        if self.steps is not None:
            self.steps.begin()
        try:
            try:
                return self._open_one_of(interrupt)
            except AuthenticationRefused as exc:
                # It is renewed once, where it can be, and tried on another connection.
                from delivery.remedies import is_about_a_setting  # few logins are refused

                if exc.code != CREDENTIAL_REFUSED or is_about_a_setting(exc):
                    raise
                if not self._choice.method.renew(self.observer.progress):
                    raise
            self.observer.progress("The server refused the token; trying once more with a new one.")
            return self._open_one_of(interrupt)
        except MailError as exc:
            if self.steps is not None:
                self.steps.failed(exc)
            if isinstance(exc, AuthenticationRefused | AuthError) and not exc.retryable:
                self._refusal = exc
            raise

    def _open_one_of(self, interrupt: Callable[[], None]) -> Session:
        """Open a session at the first of the servers that can be used; where none can, the last one says why."""
        # The token is fetched first: a server's patience is shorter than a person's or a provider's.
        credentials = self._choice.method.get_credentials(self.observer.progress)
        failure: SmtpError | None = None
        for server in self.servers.in_turn():
            if failure is not None:
                told = f"{failure.server} can't be used: {failure.text.rstrip('.')}. The next one is tried."
                self.observer.progress(told)
                if self.steps is not None:
                    self.steps.begin()
            try:
                return self._open(server, credentials, interrupt)
            except SmtpError as exc:
                exc.server = str(server)
                is_final = isinstance(exc, AuthenticationRefused) and not exc.retryable
                if is_final or isinstance(exc, Cancelled):
                    raise
                # The last one is passed over too: so each attempt of a run in vain ends for the same reason.
                self.servers.pass_over(exc.server)
                failure = exc
        assert failure is not None  # noqa: S101 - there is one server at least
        raise failure

    def _open(
        self, server: Server, credentials: Credentials | None, interrupt: Callable[[], None]
    ) -> Session:
        """Open a session at `server`: connect, encrypt, and log in if there is something to log in with."""
        asset, login, steps, tell = self.asset, self.asset.login, self.steps, self.observer.progress
        if steps is not None and credentials is not None and self.tried == OAUTH:
            steps.add(LoginStep.TOKEN, "there is an access token")
        proxy = self._find_proxy() if self._find_proxy is not None else self._proxy
        tell(f"Connecting to {server}{f' through the {proxy.name}' if proxy else ''}.")
        options = Options(
            Timeouts(connect=login.connection_timeout, reply=login.read_timeout),
            implicit_tls=asset.ssl_config == TlsMode.SSL,
            context=self._tls,
            use_pipelining=not asset.disable_pipelining,
            use_chunking=not asset.disable_chunking,
            habits=server.habits,
            proxy=proxy,
            server_name=asset.server_name,
            interrupt=interrupt,
            reached=steps.add if steps is not None else None,
        )
        session = Session.connect(server.host, server.port, options)
        try:
            self._say_hello(session, credentials)
            if credentials is None:
                told = f"No login: {self.tried}."
            else:
                how = session.authenticate(
                    _for(server, credentials),
                    allow_plaintext=asset.allow_plaintext_auth,
                    mechanism=asset.sasl_mechanism,
                )
                told = f"Logged in: {self.tried}, {how or 'with the certificate alone'}."
            tell(told)
            if steps is not None:
                steps.add(Step.AUTH, told)
        except BaseException:
            self.observer.session_ended(session.transcript)
            session.quit()
            raise
        return session

    def _say_hello(self, session: Session, credentials: Credentials | None) -> None:
        """Greet the server, over an encrypted connection where the asset wants it, and tell what was found."""
        mode, name, tell = self.asset.ssl_config, self.asset.ehlo_name, self.observer.progress
        is_greeted = False
        if mode in (TlsMode.STARTTLS, TlsMode.IF_OFFERED):
            session.hello(name, allow_helo=mode == TlsMode.IF_OFFERED)
            if mode == TlsMode.STARTTLS or "STARTTLS" in session.extensions:
                session.start_tls()
            else:
                tell("The server offers no TLS: this connection is not encrypted.")
                is_greeted = True
        if self.steps is not None and session.tls is not None:
            self.steps.add(Step.TLS)
        if not is_greeted:
            session.hello(name, allow_helo=credentials is None)
        if self.steps is not None:
            self.steps.describe(session)
        if session.is_proxied:
            tell(f"Connected to {session.host}.")
        else:
            if session.peer != session.host:
                tell(f"The name {session.host} resolves to {session.peer}.")
            tell(f"Connected to {session.peer}.")
        if session.tls is not None:
            tls = session.tls
            tell(f"Encrypted with {tls.version}, {tls.cipher}.")
            if tls.days_left is not None:
                tell(f"Certificate of {tls.subject}, issued by {tls.issuer}, {tls.days_left} days left.")
        tell(f"The server offers {session.extensions or 'no extensions'}.")


class Transport:
    """A run's way to the server: `with Transport(access, pool) as transport`. Not for several threads at once.

    Without `may_wait` it takes no connection that others wait for, or that is not free at once. Raises `SmtpError`,
    `AuthError`, and `NoTurn` where no connection comes free.
    """

    def __init__(self, access: Access, pool: Pool, *, may_wait: bool = True) -> None:
        self.access = access
        self.pool = pool
        self._may_wait = may_wait
        self._told_waiting = False
        self._borrowed: PooledSession | None = None
        self._waiting: Slot | None = None
        """What tells other processes that this run waits for a connection."""
        self.committed = 0
        """How many messages came to the point of no return."""
        self.facts = Facts(access.server)
        """How the server was spoken to."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a session that can be sent over."""
        return self._borrowed is not None and self._borrowed.session.is_open

    def open_session(self) -> Session:
        """Return the session as it was left, or else one of the pool, or a new one."""
        borrowed = self._borrowed
        if borrowed is not None and (borrowed.session.is_used_up or not borrowed.session.is_alive()):
            self.close()
            borrowed = None
        if borrowed is None:
            try:
                borrowed = self._borrowed = self.pool.lend(
                    self.access.asset, self._connect, self.access.raise_if_cancelled, may_wait=self._may_wait
                )
            except MailError as error:
                self.facts = Facts(error.server or self.access.server, auth_method=self.access.tried)
                raise
            finally:
                if self._waiting is not None:
                    self._waiting.free()
                    self._waiting = None
            session, tls = borrowed.session, borrowed.session.tls
            version, cipher = (tls.version, tls.cipher) if tls is not None else ("", "")
            server = f"{session.host}:{session.port}"
            self.facts = Facts(server, version, cipher, self.access.tried, session.auth_mechanism)
        return borrowed.session

    def goes_on_elsewhere(self, attempt: Attempt, delivery: Delivery) -> bool:
        """Whether the asset's next server gets a message that nobody has, because this one broke off.

        For each message that happens as often as there are other servers, so that it comes to an end.
        """
        servers = self.access.servers
        if not servers.others:
            return False
        if self.is_open or not broke_off(delivery):
            servers.dealt_with_one()
            return False
        if attempt.left == servers.others or not servers.leave(self.facts.server):
            return False
        attempt.left += 1
        return True

    def close(self) -> None:
        """Give the session back. Never raises."""
        if self._borrowed is not None:
            asset, slots = self.access.asset, self.access.slots
            self.access.observer.session_ended(self._borrowed.session.transcript)
            is_wanted = slots is not None and self.pool.is_shared(asset) and slots.is_wanted(asset)
            self.pool.give_back(
                asset, self._borrowed, self.access.raise_if_cancelled, is_wanted_elsewhere=is_wanted
            )
            self._borrowed = None

    def _connect(self) -> PooledSession | None:
        """A new session; None while other programs have all connections of this machine to the account."""
        interrupt = Interrupt(self.access.raise_if_cancelled)
        slot: Slot | None = None
        if self.access.slots is not None:
            slot = self.access.slots.take(self.access.asset)
            if slot is None:
                if self._may_wait and self._waiting is None:
                    self._waiting = self.access.slots.wait(self.access.asset)
                if self._may_wait and not self._told_waiting:
                    self._told_waiting = True
                    self.access.observer.progress(
                        "Other programs on this machine use all connections to the server; waiting for one."
                    )
                return None
        try:
            return PooledSession(self.access.connect_and_log_in(interrupt), interrupt, slot)
        except BaseException:
            if slot is not None:
                slot.free()
            raise


def _for(server: Server, credentials: Credentials) -> Credentials:
    """A token names the server that it is shown to, whichever of the asset's it is (RFC 7628 section 3.1)."""
    from smtp.sasl.credentials import BearerCredentials  # many servers want nobody to log in

    if isinstance(credentials, BearerCredentials):
        return credentials._replace(host=server.host, port=server.port)
    return credentials


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
    files = tuple([_file_version(path) for path in paths if path])
    return certificates.shared_context(bundle, asset.verify_server_cert, files)


def _file_version(path: str) -> FileVersion | None:
    """What tells whether a file is still the same; None where there is none of that name."""
    try:
        found = Path(path).expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _proxy(asset: Asset) -> Proxy | None:
    """Raises `UnusableSetting`."""
    from delivery.proxy import proxy_from  # hardly any server is behind one

    return proxy_from(asset.proxy) if asset.proxy else None


def _without_login(login: Login) -> Login:
    """Nobody logs in over a connection that anybody can keep from being encrypted."""
    return login._replace(auth_type="Passwordless", login_as=LOGIN_AS_USERNAME)
