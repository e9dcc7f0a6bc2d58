"""A mail in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smtp.content import Content, Octets
from smtp.envelope import Address, Body, Envelope
from smtp.errors import SmtpError
from smtp.extensions import Extensions
from smtp.given import address_of, sender_of
from smtp.options import Options
from smtp.outcome import Delivery, Outcome, not_sent
from smtp.session import Session

if TYPE_CHECKING:
    from smtp.sasl.credentials import Credentials


def send_mail(
    address: str,
    auth: Credentials | None,
    sender: Address | str | bytes,
    recipients: Sequence[Address | str | bytes],
    message: str | bytes,
    options: Options | None = None,
) -> Delivery:
    """Send one message over the server at HOST:PORT: with TLS where it is offered, and logged in where `auth` is given.

    `message` begins with its header. What became of each recipient is returned where somebody has it. Where nobody has,
    or nobody knows (`ConnectionLost` with step `END`), that is raised as `SmtpError`. Certificates are verified, and
    a password leaves without TLS only for a server on this machine.
    """
    octets = Octets(message.encode() if isinstance(message, str) else message)
    who, to = sender_of(sender), tuple(address_of(one) for one in recipients)
    delivery: Delivery | None = None
    while delivery is None or delivery.elsewhere:
        left = delivery.elsewhere if delivery else to
        try:
            with _ready(address, auth, options) as session:
                sent = session.send(_envelope(who, left, octets, session.extensions), octets)
        except SmtpError as exc:
            if delivery is None:
                raise
            sent = not_sent(left, exc)  # others may have it already: what is known of them stays
        delivery = delivery.continued(sent) if delivery else sent
    if delivery.failure is not None and delivery.outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN):
        raise delivery.failure
    return delivery


def _ready(address: str, auth: Credentials | None, options: Options | None) -> Session:
    session = Session.dial(address, options)
    try:
        session.hello(allow_helo=True)
        if session.tls is None and "STARTTLS" in session.extensions:
            session.start_tls()
            session.hello()
        if auth is not None:
            session.authenticate(auth)
    except BaseException:
        session.quit()
        raise
    return session


def _envelope(
    sender: Address | None, recipients: tuple[Address, ...], message: Content, offered: Extensions
) -> Envelope:
    is_ascii = all(one.is_ascii for one in (sender, *recipients) if one is not None)
    is_seven_bit = "8BITMIME" not in offered or all(piece.isascii() for piece in message.chunks())
    body = Body.SEVEN_BIT if is_seven_bit else Body.EIGHT_BIT
    return Envelope(sender, recipients, body, smtputf8=not is_ascii)
