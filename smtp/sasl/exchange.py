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
from smtp.sasl.mechanism import Mechanism
from smtp.state import Verdict
from smtp.text import showable

MAX_ROUNDS = 10


def choose(
    mechanisms: tuple[Mechanism, ...],
    offered: frozenset[str],
    *,
    connection: Connection,
    allow_plaintext: bool,
) -> Mechanism:
    """The strongest mechanism that the server offers and that does not give a secret away. Raises `NotOffered`."""
    usable = [mechanism for mechanism in mechanisms if mechanism.name in offered]
    if not usable:
        raise _not_offered(mechanisms, offered, encrypted=connection.stream.tls is not None)
    if may_expose_secret(connection, allow_plaintext=allow_plaintext):
        return usable[0]
    for mechanism in usable:
        if not mechanism.exposes_secret:
            return mechanism
    raise NotOffered(
        f"the server offers {', '.join(m.name for m in usable)} without TLS, which would send the secret in clear",
        step=Step.AUTH,
        category=Category.SECURITY,
        reason=Reason.LOGIN_IN_CLEAR,
    )


def may_expose_secret(connection: Connection, *, allow_plaintext: bool) -> bool:
    """TLS is on, or the server is this very machine, or whoever configured this allowed it."""
    return allow_plaintext or connection.stream.tls is not None or is_loopback(connection.stream.peer)


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
            challenge = _decoded(answer)
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
