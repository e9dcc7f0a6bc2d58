"""Who we are to a server, which mechanisms can say so, and the AUTH command's dialogue (RFC 4954 section 4).

The mechanisms stand in the order of what the other side learns. SCRAM bound to the TLS channel gives away nothing and
can't be relayed; SCRAM alone proves that the server knows the password too; PLAIN and LOGIN hand it over, which TLS
keeps from all but the server; CRAM-MD5 hides it from whoever reads along, though not from guessing, and many servers
that list it can't do it for the passwords they keep. With TLS it comes last; without TLS it is all there is (`usable`).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from smtp import commands
from smtp.connection import Connection
from smtp.engine import Answer
from smtp.errors import (
    AuthenticationFailed,
    AuthenticationRefused,
    Category,
    NotOffered,
    Reason,
    SmtpError,
    Step,
)
from smtp.loopback import is_loopback
from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.sasl.plain import CramMd5, External, Login, Plain, has_md5
from smtp.state import Verdict
from smtp.text import repr_without, showable

if TYPE_CHECKING:
    import ssl

BINDABLE = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1")
"""The mechanisms to which it matters whether the connection has a channel binding, the plain forms too."""
MAX_ROUNDS = 10
UNKNOWN_MECHANISM, TOO_WEAK = 504, 534


class Credentials(Protocol):
    """Who we are to the server."""

    @property
    def optional(self) -> bool:
        """Whether to go on without logging in where the server offers none of the mechanisms."""

    @property
    def secret(self) -> str:
        """What nobody may be shown, not even in a reply of the server that repeats it; "" for none."""

    @property
    def names(self) -> tuple[str, ...]:
        """The mechanisms that can carry it, the one to prefer first. A -PLUS form needs a channel binding."""

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:
        """A new exchange by one of `names`. `binding` is the TLS connection's; None where it has none."""


class PasswordCredentials(NamedTuple):
    """A user name and a password.

    Every -PLUS form comes before every plain one: what binding to the channel adds (nobody in between can
    relay the exchange) outweighs SHA-1 against SHA-256, both of which are sound inside HMAC. It also makes
    the plain forms the ones for servers that offered no -PLUS at all, which they then say (`scram.py`).
    """

    username: str
    password: str

    @property
    def optional(self) -> bool:
        return False

    def __repr__(self) -> str:
        return repr_without(("password",), "PasswordCredentials", self._asdict())

    @property
    def secret(self) -> str:
        return self.password

    @property
    def names(self) -> tuple[str, ...]:
        return (*BINDABLE, "PLAIN", "LOGIN", "CRAM-MD5") if has_md5() else (*BINDABLE, "PLAIN", "LOGIN")

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:
        if name == "PLAIN":
            return Plain(self.username, self.password)
        if name == "LOGIN":
            return Login(self.username, self.password)
        if name == "CRAM-MD5":
            return CramMd5(self.username, self.password)
        from smtp.sasl.scram import Scram  # it takes tables of Unicode

        hash_name = name.removeprefix("SCRAM-").removesuffix("-PLUS")
        return Scram(self.username, self.password, hash_name, binding, plus=name.endswith("-PLUS"))


class PlainAuth(NamedTuple):
    """A password for PLAIN alone, and for the server `host` alone; `identity` "" acts as the user (RFC 4616)."""

    identity: str
    username: str
    password: str
    host: str

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("PLAIN",)

    def __repr__(self) -> str:
        return repr_without(("password",), "PlainAuth", self._asdict())

    @property
    def secret(self) -> str:
        return self.password

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return Plain(self.username, self.password, self.identity)


class CramMd5Auth(NamedTuple):
    """A password for CRAM-MD5 alone (RFC 2195)."""

    username: str
    secret: str

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("CRAM-MD5",)

    def __repr__(self) -> str:
        return repr_without(("secret",), "CramMd5Auth", self._asdict())

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return CramMd5(self.username, self.secret)


class BearerCredentials(NamedTuple):
    """A user name and an OAuth access token, for the server `host`:`port` and no other."""

    username: str
    token: str
    host: str
    port: int

    @property
    def optional(self) -> bool:
        return False

    @property
    def names(self) -> tuple[str, ...]:
        return ("OAUTHBEARER", "XOAUTH2")

    def __repr__(self) -> str:
        return repr_without(("token",), "BearerCredentials", self._asdict())

    @property
    def secret(self) -> str:
        return self.token

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - neither is bound
        from smtp.sasl.bearer import OAuthBearer, XOAuth2  # it takes JSON

        if name == "OAUTHBEARER":
            return OAuthBearer(self.username, self.token, self.host, self.port)
        return XOAuth2(self.username, self.token)


class ExternalCredentials(NamedTuple):
    """The client certificate of the TLS connection. `authzid` "" leaves it to the server who that is.

    A server may be content with the certificate itself and offer no EXTERNAL.
    """

    authzid: str = ""

    @property
    def optional(self) -> bool:
        return True

    @property
    def secret(self) -> str:
        return ""

    @property
    def names(self) -> tuple[str, ...]:
        return ("EXTERNAL",)

    def mechanism(self, name: str, binding: ChannelBinding | None) -> Mechanism:  # noqa: ARG002 - there is but one
        return External(self.authzid)


def log_in(
    connection: Connection,
    host: str,
    credentials: Credentials,
    offered: frozenset[str],
    *,
    allow_plaintext: bool,
    only: str,
) -> str:
    """Log in to `host` with the best mechanism of those `offered`, or with `only` and no other; its name is returned.

    "" means that the server offers no mechanism for credentials that it may do without. Where it refuses a mechanism
    as such, the next one is tried. Raises `NotOffered`, `AuthenticationRefused`, `AuthenticationFailed`.
    """
    if isinstance(credentials, PlainAuth) and credentials.host != host:
        text = f"this login is for {showable(credentials.host)}, and the server is {host}: wrong host name"
        raise AuthenticationFailed(text, category=Category.CONFIGURATION)
    connection.engine.reader.conceal(credentials.secret)
    left, binding = _common(credentials, offered, connection.stream.tls, only)
    if not left:
        return ""
    if connection.stream.tls is None:
        each = [credentials.mechanism(name, binding) for name in left]
        left = [mechanism.name for mechanism in usable(each, connection, allow_plaintext=allow_plaintext)]
    instead: Mechanism | None = None
    while True:
        tried = instead or credentials.mechanism(left.pop(0), binding)
        try:
            run(connection, tried)
            return tried.name
        except AuthenticationRefused as exc:
            instead = tried.instead
            if instead is None or instead.name not in offered:
                instead = None
                left = [name for name in left if is_about(exc, tried, credentials.mechanism(name, binding))]
            if not (instead or left) or not connection.is_open:
                raise


def _common(
    credentials: Credentials, offered: frozenset[str], tls: ssl.SSLSocket | None, only: str
) -> tuple[list[str], ChannelBinding | None]:
    """The mechanisms to try, and what the connection can be bound to. None where the server may do without a login.

    Raises `NotOffered`.
    """
    names = credentials.names
    common = [name for name in names if name in offered and only in ("", name)]
    binding: ChannelBinding | None = None
    needs_binding = not common or not set(BINDABLE).isdisjoint(common)
    if tls is not None and needs_binding and (not only or only.endswith("-PLUS")):
        from smtp.sasl.channel_binding import channel_binding  # few servers offer SCRAM

        binding = channel_binding(tls)
    if binding is None:
        names = tuple([name for name in names if not name.endswith("-PLUS")])
    if only:
        if only not in names:
            raise _not_carried(only, names)
        names = (only,)
    common = [name for name in names if name in offered]
    if not common and not credentials.optional:
        raise _not_offered(names, offered, encrypted=tls is not None)
    # SCRAM without a binding says that the server offers none (RFC 5802 section 6): not where it does.
    return [name for name in common if f"{name}-PLUS" not in common], binding


def usable(mechanisms: list[Mechanism], connection: Connection, *, allow_plaintext: bool) -> list[Mechanism]:
    """Those that give no secret away, the one to prefer first. Raises `NotOffered` where there is none.

    A secret is shown with TLS, to a server that is this very machine, or where whoever configured this allowed it. A
    server behind a proxy is not this machine, wherever the proxy is.
    """
    stream = connection.stream
    if stream.tls is not None:
        return mechanisms
    hiding = [mechanism for mechanism in mechanisms if not mechanism.exposes_secret]
    if allow_plaintext or (is_loopback(stream.peer) and not stream.is_proxied):
        return hiding + [mechanism for mechanism in mechanisms if mechanism.exposes_secret]
    if hiding:
        return hiding
    raise NotOffered(
        f"the server offers {', '.join(m.name for m in mechanisms)} without TLS, which would send the secret in clear",
        step=Step.AUTH,
        category=Category.SECURITY,
        reason=Reason.LOGIN_IN_CLEAR,
    )


def is_about(refused: AuthenticationRefused, mechanism: Mechanism, other: Mechanism) -> bool:
    """Whether the server refused `mechanism` as such, not the login, so that `other` is worth a try.

    504 is a mechanism that it doesn't know after all, 534 one that is too weak for this account (RFC 4954
    section 6); then one that hands over the password as well is no better.
    """
    if refused.code == UNKNOWN_MECHANISM:
        return True
    return refused.code == TOO_WEAK and not (mechanism.exposes_secret and other.exposes_secret)


def run(connection: Connection, mechanism: Mechanism) -> None:
    """One exchange, to the server's verdict. Raises `AuthenticationRefused` or `AuthenticationFailed`."""
    initial = mechanism.start()
    command = commands.auth(mechanism.name, initial)
    deferred = initial is not None and len(command.line) > commands.MAX_COMMAND_LINE
    answer = connection.exchange(commands.auth(mechanism.name, None) if deferred else command)
    rounds = 0
    while answer.verdict is Verdict.CONTINUE:
        rounds += 1
        try:
            if rounds > MAX_ROUNDS:
                raise AuthenticationFailed(
                    f"no end to {mechanism.name} after {MAX_ROUNDS} rounds", category=Category.PROTOCOL
                )
            challenge = _decoded(answer) if mechanism.reads_challenges else b""
            if deferred and challenge:
                raise AuthenticationFailed(f"the server asked before {mechanism.name} had begun")
            response = initial if deferred and initial is not None else mechanism.respond(challenge)
            deferred = False
        except AuthenticationFailed:
            _cancel(connection)
            raise
        answer = connection.exchange(commands.auth_response(response))
    if not answer.is_accepted:
        said = f"{answer.reply}; {mechanism.reason}" if mechanism.reason else str(answer.reply)
        raise AuthenticationRefused(
            f"the server refused the {mechanism.name} login: {said}",
            reply=answer.reply,
            mechanism=mechanism.name,
            explanation=mechanism.reason,
        )
    if deferred:
        raise AuthenticationFailed(f"the server accepted {mechanism.name} before it had begun")
    mechanism.finish()


def _decoded(answer: Answer) -> bytes:
    text = "".join(answer.reply.lines).strip()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise AuthenticationFailed(
            "the server sent a challenge that is not base64", category=Category.PROTOCOL
        ) from exc


def _cancel(connection: Connection) -> None:
    """`*` ends the exchange; the answer is a 501 (RFC 4954 section 4). Whatever it is, the reason stays the reason."""
    with contextlib.suppress(SmtpError):
        connection.exchange(commands.AUTH_CANCEL)


def _not_carried(name: str, names: tuple[str, ...]) -> NotOffered:
    return NotOffered(
        f"{showable(name)} can't carry this login; {', '.join(names)} can",
        step=Step.AUTH,
        category=Category.CONFIGURATION,
        reason=Reason.OTHER_MECHANISM,
    )


def _not_offered(names: tuple[str, ...], offered: frozenset[str], *, encrypted: bool) -> NotOffered:
    wanted = ", ".join(names)
    if offered:
        text = f"the server offers {showable(', '.join(sorted(offered)))} and none of {wanted}"
        reason = Reason.NO_COMMON_MECHANISM
    elif encrypted:
        text, reason = "the server offers no authentication", Reason.NO_LOGIN_OFFERED
    else:
        text, reason = "the server offers no authentication without TLS", Reason.NO_LOGIN_OFFERED_IN_CLEAR
    return NotOffered(text, step=Step.AUTH, category=Category.CONFIGURATION, reason=reason)
