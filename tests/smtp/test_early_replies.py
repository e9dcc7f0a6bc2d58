"""A server that answers a message before it has all of it has accepted nothing, whatever happens next."""

from __future__ import annotations

import pytest

from smtp.content import CHUNK_SIZE, Octets
from smtp.envelope import Address, Envelope
from smtp.outcome import Delivery, Outcome, Status
from smtp.session import Session
from tests.support.stream import Lines, ListStream

MAIL, RCPT, SENT, RESET = b"250 sender\r\n", b"250 recipient\r\n", b"250 queued\r\n", b"250 reset\r\n"
ENVELOPE = Envelope(Address("me", "example.test"), (Address("a", "example.test"),))
LARGE = Octets(b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * (CHUNK_SIZE // 39))
SMALL = Octets(b"Subject: small\r\n\r\nthe end\r\n")
HELLO: tuple[Lines, ...] = (
    (b"", b"220 ready\r\n"),
    (b"EHLO client.test\r\n", b"250-me\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
)


class Breaks(ListStream):
    """Says something, and breaks, when it is to take the octets `at`."""

    def __init__(self, dialogue: tuple[Lines, ...], at: bytes, says: bytes) -> None:
        super().__init__(dialogue, silent_at_end=True)
        self._at, self._says = at, says

    def write(self, data: bytes, deadline: float) -> None:
        if self._at in data:
            self._said += self._says
            raise ConnectionResetError
        super().write(data, deadline)


def deliveries(stream: ListStream, *contents: Octets, window: int = 1) -> list[Delivery]:
    with Session(stream, "mail.example.test") as session:
        session._read_banner()
        session.hello("client.test")
        return list(session.send_many([(ENVELOPE, content) for content in contents], window))


@pytest.mark.parametrize("early", [SENT, SENT * 2, SENT * 9])
def test_replies_to_a_chunk_that_is_still_being_written_accept_nothing(early: bytes) -> None:
    stream = ListStream((*HELLO, (b"RCPT", MAIL + RCPT), (b"LAST\r\n", early)))
    (delivery,) = deliveries(stream, LARGE)
    assert delivery.outcome is Outcome.NOT_SENT
    assert len(stream.sent) < LARGE.size


def test_an_early_acceptance_and_then_a_break_accept_nothing() -> None:
    stream = Breaks((*HELLO, (b"RCPT", MAIL + RCPT)), at=b"x" * 76, says=SENT)
    (delivery,) = deliveries(stream, LARGE)
    assert (delivery.outcome, delivery.recipients[0].retryable) == (Outcome.NOT_SENT, True)


def test_the_acceptance_of_a_message_that_did_not_leave_whole_accepts_nothing() -> None:
    stream = Breaks((*HELLO, (b"RCPT", MAIL + RCPT)), at=b"the end", says=SENT)
    (delivery,) = deliveries(stream, SMALL)
    assert delivery.outcome is Outcome.NOT_SENT


def test_an_early_refusal_and_then_a_break_is_the_reason() -> None:
    stream = Breaks((*HELLO, (b"RCPT", MAIL + RCPT)), at=b"x" * 76, says=b"552 5.3.4 too big\r\n")
    (delivery,) = deliveries(stream, LARGE)
    assert (delivery.outcome, delivery.recipients[0].retryable) == (Outcome.NOT_SENT, False)
    assert "552 5.3.4 too big" in str(delivery.failure)


@pytest.mark.parametrize("octets", [0, 2])
def test_replies_to_a_message_that_broke_off_are_not_the_next_ones(octets: int) -> None:
    """The RSET ahead of the fifth is refused; the sixth must not be told of by what was said to the fifth."""
    nobody: Lines = (b"VRFY no-such-mailbox\r\n", b"252 send some\r\n")
    window_is_open: tuple[Lines, ...] = (
        (b"RCPT TO:<a@example.test>\r\n", MAIL + RCPT),
        (b"the end", SENT),
        nobody,
        (b"BDAT 6 LAST\r\nNOOP\r\n", b"503 no\r\n"),
        nobody,
    )
    first, right = MAIL + RCPT + SENT, RESET + MAIL + RCPT + SENT
    fifth = b"451 no reset\r\n" + b"550 no such sender\r\n" + RCPT + SENT
    together = [(b"the end", said) for said in (first, right, first, fifth, right, right)]
    stream = ListStream((*HELLO, *window_is_open, *together), octets_per_read=octets)
    statuses = [one.recipients[0].status for one in deliveries(stream, *[SMALL] * 7, window=4)]
    assert statuses[:4] == [Status.ACCEPTED] * 4
    assert statuses[4] is Status.NOT_TRIED
    assert Status.NOT_TRIED not in statuses[5:]
