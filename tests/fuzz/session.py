"""A whole session with a server that says anything: what is then said about the messages has to be true."""

from __future__ import annotations

import ssl
from functools import cache

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.errors import SmtpError
from smtp.options import Options
from smtp.outcome import Delivery
from smtp.sasl.credentials import BearerCredentials, Credentials, PasswordCredentials
from smtp.session import Session
from tests.fuzz.judge import disagreements
from tests.fuzz.peer import Peer
from tests.fuzz.rules import Broken, must

SECRET = "canary-5ecret"
MESSAGES = 3
SEPARATOR = b"\xff"
"""Between the things that the server says; an octet that UTF-8 has no use for."""
_MECHANISMS = ("", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "GSSAPI")


def session(octets: bytes) -> None:
    """The first two octets say how the session is, the rest what the server says."""
    how, what, said = octets[:1] or b"\0", octets[1:2] or b"\0", octets[2:]
    settings, mechanism = how[0], _MECHANISMS[what[0] % 8]
    keywords = ["SIZE 0", "8BITMIME"]
    keywords += ["PIPELINING"] if settings & 1 else []
    keywords += ["CHUNKING"] if settings & 2 else []
    keywords += ["STARTTLS"] if settings & 4 else []
    keywords += [f"AUTH {mechanism}"] if mechanism else []
    peer = Peer(said.split(SEPARATOR), keywords, octets_per_read=settings >> 6)
    window = 1 + (settings >> 4 & 3)
    messages = [
        _message(number, large=bool(settings & 8) and number == 2) for number in range(1, MESSAGES + 1)
    ]
    deliveries = _deliveries(peer, mechanism, messages, window, start_tls=settings & 4 > 0)
    for claim in disagreements(peer, deliveries):
        raise Broken(claim)


def _deliveries(
    peer: Peer, mechanism: str, messages: list[tuple[Envelope, Octets]], window: int, *, start_tls: bool
) -> list[Delivery]:
    session = Session(peer, "peer.test", Options(context=_context()))
    try:
        session._read_banner()
        session.hello("client.test", allow_helo=not mechanism)
        if start_tls:
            session.start_tls()
        if mechanism:
            session.authenticate(_credentials(mechanism), allow_plaintext=True)
    except SmtpError as failed:
        session.quit()
        must(SECRET not in f"{failed} {failed.hint} {session.transcript}", "a secret is told")
        return []
    deliveries = list(session.send_many(messages, window))
    session.quit()
    must(len(deliveries) == len(messages), "not every message is told of")
    must(all(len(d.recipients) == 2 for d in deliveries), "not every recipient is told of")
    must(SECRET not in str(session.transcript), "a secret is told")
    return deliveries


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _credentials(mechanism: str) -> Credentials:
    if mechanism in ("XOAUTH2", "OAUTHBEARER"):
        return BearerCredentials("ann", SECRET, "peer.test", 587)
    return PasswordCredentials("ann", SECRET)


def _message(number: int, *, large: bool) -> tuple[Envelope, Octets]:
    recipients = (Address(f"a{number}", "example.test"), Address(f"b{number}", "example.test"))
    body = b"Subject: %d\r\n\r\n.\r\nRSET\r\n" % number + (b".x" * 400 + b"\r\n") * (90 if large else 0)
    return Envelope(Address("me", "example.test"), recipients), Octets(body)
