"""The AUTH command's dialogue (RFC 4954 section 4)."""

from __future__ import annotations

import base64
import binascii
import contextlib

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
from smtp.sasl.credentials import BINDABLE, Credentials, PlainAuth
from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.state import Verdict
from smtp.text import showable

MAX_ROUNDS = 10
UNKNOWN_MECHANISM, TOO_WEAK = 504, 534


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
    names, tls = credentials.names, connection.stream.tls
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
    if not common and credentials.optional:
        return ""
    if not common:
        raise _not_offered(names, offered, encrypted=tls is not None)
    # SCRAM without a binding says that the server offers none (RFC 5802 section 6): not where it does.
    common = [name for name in common if f"{name}-PLUS" not in common]
    left = usable(
        [credentials.mechanism(name, binding) for name in common], connection, allow_plaintext=allow_plaintext
    )
    while True:
        tried = left.pop(0)
        try:
            run(connection, tried)
            return tried.name
        except AuthenticationRefused as exc:
            instead = tried.instead
            if instead is not None and instead.name in offered:
                left.insert(0, instead)
            else:
                left = [each for each in left if is_about(exc, tried, each)]
            if not left or not connection.is_open:
                raise


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
