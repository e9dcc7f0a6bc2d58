"""How many messages may be in flight is what a connection has shown, and not what one call for it began with."""

from __future__ import annotations

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.outcome import Outcome
from smtp.session import Session
from tests.support.stream import Lines, ListStream

MAIL, RCPT, SENT, RESET = b"250 sender\r\n", b"250 recipient\r\n", b"250 queued\r\n", b"250 reset\r\n"
ENVELOPE = Envelope(Address("me", "example.test"), (Address("a", "example.test"),))
CONTENT = Octets(b"Subject: small\r\n\r\nthe end\r\n")
NOBODY: Lines = (b"VRFY no-such-mailbox\r\n", b"252 send some\r\n")
WINDOW_IS_OPEN: tuple[Lines, ...] = (
    (b"", b"220 ready\r\n"),
    (b"EHLO client.test\r\n", b"250-me\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
    (b"RCPT TO:<a@example.test>\r\n", MAIL + RCPT),
    (b"the end", SENT),
    NOBODY,
    (b"BDAT 6 LAST\r\nNOOP\r\n", b"503 no\r\n"),
    NOBODY,
)


def answers(count: int) -> list[Lines]:
    """To a group of messages, and not before all of it was heard."""
    said = MAIL + RCPT + SENT + (RESET + MAIL + RCPT + SENT) * (count - 1)
    return [*[(b"the end", b"")] * (count - 1), (b"the end", said)]


def test_messages_that_come_a_few_at_a_time_are_in_flight_together_as_well() -> None:
    groups = [answer for count in (1, 2, 4, 4) for answer in answers(count)]
    stream = ListStream((*WINDOW_IS_OPEN, *groups), silent_at_end=True)
    outcomes = []
    with Session(stream, "mail.example.test") as session:
        session._read_banner()
        session.hello("client.test")
        for count in (1, 1, 2, 4, 4):
            messages = [(ENVELOPE, CONTENT)] * count
            outcomes += [delivery.outcome for delivery in session.send_many(messages, 4)]
    assert outcomes == [Outcome.SENT] * 12
