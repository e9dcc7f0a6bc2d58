"""However the network cuts what a server says into pieces, what becomes of the messages is the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.outcome import Delivery
from smtp.sasl.credentials import PasswordCredentials
from smtp.session import Session
from tests.support.stream import Lines, ListStream

HELLO: Lines = (b"", b"220-mail.example.test\r\n220 ready\r\n")
MAIL, RCPT = b"250 2.1.0 fine\r\n", b"250 2.1.5 fine\r\n"
NO = b"550-5.1.1 no such\r\n550 5.1.1 user\r\n"
GO, SENT = b"354 go on\r\n", b"250 2.0.0 queued as 1\r\n"
LATER = b"451-4.3.0 not\r\n451-4.3.0 now,\r\n451 4.3.0 later\r\n"
RESET = b"250 2.0.0 reset\r\n"
LAST = b"the end\r\n"
NOBODY: Lines = (b"VRFY no-such-mailbox\r\n", b"252-2.0.0 send\r\n252 2.0.0 some\r\n")
"""Asked behind the first message on a connection."""


def offers(*keywords: str) -> Lines:
    lines = ["mail.example.test", *keywords, "ENHANCEDSTATUSCODES"]
    text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
    return b"EHLO client.test\r\n", text.encode()


DIALOGUES: Mapping[str, tuple[Lines, ...]] = MappingProxyType(
    {
        "DATA in steps": (
            offers("SIZE 0"),
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", NO),
            (b"DATA\r\n", GO),
            (b"\r\n.\r\n", SENT),
            NOBODY,
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", RCPT),
            (b"DATA\r\n", GO),
            (b"\r\n.\r\n", SENT),
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", RCPT),
            (b"DATA\r\n", GO),
            (b"\r\n.\r\n", LATER),
        ),
        "DATA with PIPELINING": (
            offers("PIPELINING"),
            (b"DATA\r\n", MAIL + RCPT + NO + GO),
            (b"\r\n.\r\n", SENT),
            NOBODY,
            (b"DATA\r\n", MAIL + RCPT + RCPT + GO),
            (b"\r\n.\r\n", SENT),
            (b"DATA\r\n", MAIL + RCPT + RCPT + GO),
            (b"\r\n.\r\n", LATER),
        ),
        "BDAT in steps": (
            offers("CHUNKING"),
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", NO),
            (LAST, SENT),
            NOBODY,
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", RCPT),
            (LAST, SENT),
            (b"MAIL", MAIL),
            (b"RCPT", RCPT),
            (b"RCPT", RCPT),
            (LAST, LATER),
        ),
        "BDAT with PIPELINING": (
            offers("PIPELINING", "CHUNKING"),
            (b"RCPT TO:<b@example.test>\r\n", MAIL + RCPT + NO),
            (LAST, SENT),
            NOBODY,
            (b"RCPT TO:<b@example.test>\r\n", MAIL + RCPT + RCPT),
            (LAST + b"MAIL FROM:<me@example.test>\r\n", SENT + MAIL),
            (b"RCPT TO:<b@example.test>\r\n", RCPT + RCPT),
            (LAST, LATER),
        ),
        "a window": (
            offers("PIPELINING", "CHUNKING"),
            (b"RCPT TO:<b@example.test>\r\n", MAIL + RCPT + NO),
            (LAST, SENT),
            NOBODY,
            (b"NOOP\r\n", b"503 5.5.1 no\r\n"),
            NOBODY,
            (LAST, MAIL + RCPT + RCPT + SENT),
            (LAST, RESET + MAIL + RCPT + RCPT + LATER),
        ),
        "a login": (
            offers("AUTH CRAM-MD5", "PIPELINING", "CHUNKING"),
            (b"AUTH CRAM-MD5\r\n", b"334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n"),
            (b"\r\n", b"235-2.7.0 good\r\n235 2.7.0 morning\r\n"),
            (b"RCPT TO:<b@example.test>\r\n", MAIL + RCPT + NO),
            (LAST, SENT),
            NOBODY,
            (b"RCPT TO:<b@example.test>\r\n", MAIL + RCPT + RCPT),
            (LAST + b"MAIL FROM:<me@example.test>\r\n", SENT + MAIL),
            (b"RCPT TO:<b@example.test>\r\n", RCPT + RCPT),
            (LAST, LATER),
        ),
    }
)
MESSAGE = Octets(b"Subject: hi\r\n\r\n.\r\n..\r\n" + LAST)
ENVELOPE = Envelope(
    Address("me", "example.test"), (Address("a", "example.test"), Address("b", "example.test"))
)


def deliveries(stream: ListStream, window: int = 1) -> list[Delivery]:
    with Session(stream, "mail.example.test") as session:
        session._read_banner()
        session.hello("client.test")
        if session.extensions.auth:
            session.authenticate(PasswordCredentials("ann", "canary"), allow_plaintext=True)
        return list(session.send_many([(ENVELOPE, MESSAGE)] * 3, window))


@pytest.mark.parametrize("kind", DIALOGUES)
def test_a_dialogue_split_at_any_octet_gives_the_same_deliveries(kind: str) -> None:
    dialogue = (HELLO, *DIALOGUES[kind], (b"QUIT\r\n", b"221 2.0.0 bye\r\n"))
    whole, window = ListStream(dialogue), 2 if kind == "a window" else 1
    expected = deliveries(whole, window)
    statuses = [[recipient.status for recipient in delivery.recipients] for delivery in expected]
    assert statuses == [["accepted", "refused"], ["accepted", "accepted"], ["refused", "refused"]]
    for octet in range(1, whole.octets_read):
        split = ListStream(dialogue, split_at=octet)
        assert repr(deliveries(split, window)) == repr(expected), f"split at octet {octet}"
        assert split.sent == whole.sent


@pytest.mark.parametrize("kind", DIALOGUES)
@pytest.mark.parametrize("octets", [1, 2, 3, 5, 7, 11, 80])
def test_a_dialogue_in_small_pieces_gives_the_same_deliveries(kind: str, octets: int) -> None:
    dialogue = (HELLO, *DIALOGUES[kind], (b"QUIT\r\n", b"221 2.0.0 bye\r\n"))
    window = 2 if kind == "a window" else 1
    whole = deliveries(ListStream(dialogue), window)
    assert repr(deliveries(ListStream(dialogue, octets_per_read=octets), window)) == repr(whole)
