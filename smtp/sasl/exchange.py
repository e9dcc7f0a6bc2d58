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
from smtp.sasl.credentials import Credentials, PlainAuth
from smtp.sasl.mechanism import Mechanism
from smtp.state import Verdict
from smtp.text import showable

MAX_ROUNDS = 10
UNKNOWN_MECHANISM, TOO_WEAK = 504, 534


def usable(
    mechanisms: tuple[Mechanism, ...],
    offered: frozenset[str],
    *,
    connection: Connection,
    allow_plaintext: bool,
) -> list[Mechanism]:
    """Those that the server offers and that give no secret away, the one to prefer first. Raises `NotOffered`."""
    common = [mechanism for mechanism in mechanisms if mechanism.name in offered]
    encrypted = connection.stream.tls is not None
    if not common:
        raise _not_offered(mechanisms, offered, encrypted=encrypted)
    names = {mechanism.name for mechanism in common}
    # SCRAM without a binding says that the server offers none (RFC 5802 section 6): not where it does.
    common = [mechanism for mechanism in common if f"{mechanism.name}-PLUS" not in names]
    if encrypted:
        return common
    hiding = [mechanism for mechanism in common if not mechanism.exposes_secret]
    if may_expose_secret(connection, allow_plaintext=allow_plaintext):
        return hiding + [mechanism for mechanism in common if mechanism.exposes_secret]
    if hiding:
        return hiding
    raise NotOffered(
        f"the server offers {', '.join(m.name for m in common)} without TLS, which would send the secret in clear",
        step=Step.AUTH,
        category=Category.SECURITY,
        reason=Reason.LOGIN_IN_CLEAR,
    )


def check_host(credentials: Credentials, host: str) -> None:
    """Raises `AuthenticationFailed` where the credentials are for another server than this."""
    if isinstance(credentials, PlainAuth) and credentials.host != host:
        text = f"this login is for {showable(credentials.host)}, and the server is {host}: wrong host name"
        raise AuthenticationFailed(text, category=Category.CONFIGURATION)


def only(name: str, mechanisms: tuple[Mechanism, ...]) -> tuple[Mechanism, ...]:
    """The one of that name. Raises `NotOffered` where the credentials can't be shown with it."""
    found = tuple(mechanism for mechanism in mechanisms if mechanism.name == name)
    if not found:
        raise NotOffered(
            f"{showable(name)} can't carry this login; {', '.join(m.name for m in mechanisms)} can",
            step=Step.AUTH,
            category=Category.CONFIGURATION,
            reason=Reason.OTHER_MECHANISM,
        )
    return found


def is_about(refused: AuthenticationRefused, mechanism: Mechanism, other: Mechanism) -> bool:
    """Whether the server refused `mechanism` as such, not the login, so that `other` is worth a try.

    504 is a mechanism that it doesn't know after all, 534 one that is too weak for this account (RFC 4954
    section 6); then one that hands over the password as well is no better.
    """
    if refused.code == UNKNOWN_MECHANISM:
        return True
    return refused.code == TOO_WEAK and not (mechanism.exposes_secret and other.exposes_secret)


def may_expose_secret(connection: Connection, *, allow_plaintext: bool) -> bool:
    """TLS is on, or the server is this very machine, or whoever configured this allowed it.

    A server behind a proxy is not this machine, wherever the proxy is.
    """
    stream = connection.stream
    return allow_plaintext or stream.tls is not None or (is_loopback(stream.peer) and not stream.is_proxied)


def run(connection: Connection, mechanism: Mechanism) -> None:
    """One exchange, to the server's verdict. Raises `AuthenticationRefused` or `AuthenticationFailed`."""
    initial = mechanism.start()
    deferred = initial is not None and not commands.fits_with_auth(mechanism.name, initial)
    answer = connection.exchange(commands.auth(mechanism.name, None if deferred else initial))
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
    if deferred and answer.is_accepted:
        raise AuthenticationFailed(f"the server accepted {mechanism.name} before it had begun")
    _judge(answer, mechanism)


def _judge(answer: Answer, mechanism: Mechanism) -> None:
    if answer.is_accepted:
        mechanism.finish()
        return
    said = f"{answer.reply}; {mechanism.reason}" if mechanism.reason else str(answer.reply)
    raise AuthenticationRefused(
        f"the server refused the {mechanism.name} login: {said}",
        reply=answer.reply,
        mechanism=mechanism.name,
        explanation=mechanism.reason,
    )


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


def _not_offered(
    mechanisms: tuple[Mechanism, ...], offered: frozenset[str], *, encrypted: bool
) -> NotOffered:
    wanted = ", ".join(mechanism.name for mechanism in mechanisms)
    if offered:
        text = f"the server offers {showable(', '.join(sorted(offered)))} and none of {wanted}"
        reason = Reason.NO_COMMON_MECHANISM
    elif encrypted:
        text, reason = "the server offers no authentication", Reason.NO_LOGIN_OFFERED
    else:
        text, reason = "the server offers no authentication without TLS", Reason.NO_LOGIN_OFFERED_IN_CLEAR
    return NotOffered(text, step=Step.AUTH, category=Category.CONFIGURATION, reason=reason)
