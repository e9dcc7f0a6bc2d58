"""Replies that are one too many, or that come too late: no message may be told of by another one's reply."""

from __future__ import annotations

import pytest

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.errors import ConnectionLost, OutOfStep, RemoteProtocolError
from smtp.outcome import Delivery, Outcome, Status
from smtp.session import Session
from tests.support.stream import Lines, ListStream

OFFER = {
    "DATA": b"250-me\r\n250 ENHANCEDSTATUSCODES\r\n",
    "pipelined DATA": b"250-me\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING\r\n",
    "BDAT": b"250-me\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
}
SENDER, OK = b"250 2.1.0 sender\r\n", b"250 2.0.0 queued\r\n"
RECIPIENT, RESET = b"250 2.1.5 recipient\r\n", b"250 2.0.0 reset\r\n"


NO_MAIL = b"503 5.5.1 MAIL first\r\n"


def session(offer: str, *dialogue: Lines, **settings: object) -> tuple[Session, ListStream]:
    hello = (b"", b"220 ready\r\n"), (b"EHLO client.test\r\n", OFFER[offer])
    stream = ListStream((*hello, *dialogue), **settings)  # type: ignore[arg-type] # as given
    made = Session(stream, "mail.example.test")
    made._read_banner()
    made.hello("client.test")
    return made, stream


def message(number: int) -> tuple[Envelope, Octets]:
    recipient = Address(f"r{number}", "example.test")
    return Envelope(Address("me", "example.test"), (recipient,)), Octets(b"Subject: %d\r\n\r\n" % number)


NOBODY: Lines = (b"VRFY no-such-mailbox\r\n", b"252 2.0.0 send some\r\n")


def window_is_open() -> tuple[Lines, ...]:
    """Message 0 has been sent, and the server has passed over a chunk: several may be in flight."""
    chunk = (b"BDAT 6 LAST\r\nNOOP\r\n", b"503 5.5.1 no\r\n")
    return (b"RCPT TO:<r0@example.test>\r\n", SENDER + RECIPIENT), (last_of(0), OK), NOBODY, chunk, NOBODY


def in_flight(sending: Session, count: int) -> list[Delivery]:
    """What became of messages 1 to `count`, behind message 0."""
    first, *others = sending.send_many([message(n) for n in range(count + 1)], window=5)
    assert first.outcome is Outcome.SENT
    return others


def last_of(number: int) -> bytes:
    """How the end of a message is recognised on the wire."""
    return b"Subject: %d\r\n\r\n" % number


def recipients_of(deliveries: list[Delivery]) -> list[str]:
    return [str(recipient.address) for delivery in deliveries for recipient in delivery.recipients]


def test_a_reply_behind_the_354_keeps_the_dot_back() -> None:
    sending, stream = session(
        "pipelined DATA", (b"DATA\r\n", SENDER + RECIPIENT + b"354 go on\r\n250 2.0.0 already\r\n")
    )
    delivery = sending.send(*message(1))
    assert delivery.outcome is Outcome.NOT_SENT
    assert isinstance(delivery.failure, RemoteProtocolError)
    assert b"\r\n.\r\n" not in stream.sent


def test_a_reply_too_many_is_not_taken_for_the_next_commands() -> None:
    sending, stream = session("DATA", (b"MAIL", SENDER + b"250 2.0.0 one more\r\n"))
    delivery = sending.send(*message(1))
    assert delivery.outcome is Outcome.NOT_SENT
    assert b"RCPT" not in stream.sent


@pytest.mark.parametrize("broken", [b"what?\r\n", b"354 go on\r\n", b"250-a\r\n550 b\r\n"])
def test_after_a_violation_no_reply_is_believed(broken: bytes) -> None:
    sending, _ = session(
        "BDAT",
        *window_is_open(),
        (last_of(1), SENDER + RECIPIENT + broken),
        (last_of(2), RESET + SENDER + RECIPIENT + OK),
    )
    outcomes = [delivery.outcome for delivery in in_flight(sending, 2)]
    assert outcomes == [Outcome.UNKNOWN, Outcome.UNKNOWN]


def test_the_reply_to_a_recipient_is_not_taken_for_the_one_to_the_message() -> None:
    answers = SENDER + b"250 2.0.0 one more\r\n" + RECIPIENT
    sending, _ = session("BDAT", *window_is_open(), (last_of(2), answers), (b"never", b""))
    assert in_flight(sending, 2)[0].outcome is Outcome.UNKNOWN


def test_once_replies_are_out_of_step_no_refusal_of_a_recipient_is_believed_either() -> None:
    recipients = tuple(Address(f"r{number}", "example.test") for number in (1, 2, 3))
    answers = SENDER + b"250 2.0.0 one more\r\n" + RECIPIENT + b"550 5.1.1 no\r\n" + RECIPIENT
    sending, _ = session("BDAT", *window_is_open(), (last_of(2), answers), (b"never", b""))
    several = Envelope(Address("me", "example.test"), recipients), message(1)[1]
    _, delivery, _ = sending.send_many([message(0), several, message(2)], window=5)
    assert [recipient.status for recipient in delivery.recipients] == [Status.UNKNOWN] * 3
    assert isinstance(delivery.failure, RemoteProtocolError)


def test_deliveries_keep_their_order_when_the_connection_is_lost_with_messages_in_flight() -> None:
    sending, _ = session("BDAT", *window_is_open(), (last_of(2), SENDER + RECIPIENT + OK + RESET))
    deliveries = in_flight(sending, 5)
    assert recipients_of(deliveries) == [f"r{n}@example.test" for n in range(1, 6)]
    assert [delivery.outcome for delivery in deliveries] == [
        Outcome.SENT,
        Outcome.UNKNOWN,
        *[Outcome.NOT_SENT] * 3,
    ]


def test_a_message_followed_by_another_tells_of_its_own_failure() -> None:
    sending, _ = session("pipelined DATA", (b"DATA\r\n", SENDER))
    deliveries = list(sending.send_many([message(1), message(2)]))
    assert [delivery.outcome for delivery in deliveries] == [Outcome.NOT_SENT, Outcome.NOT_SENT]
    assert all(isinstance(delivery.failure, ConnectionLost) for delivery in deliveries)
    assert all(delivery.recipients[0].retryable for delivery in deliveries)


@pytest.mark.parametrize("more", [b"", NO_MAIL, NO_MAIL * 2, b"25", b"what?\r\n"])
def test_a_farewell_to_the_sender_rules_out_this_message(more: bytes) -> None:
    sending, _ = session(
        "BDAT",
        *window_is_open(),
        (last_of(2), SENDER + RECIPIENT + OK + RESET + b"421 4.7.0 enough\r\n" + more),
    )
    assert [delivery.outcome for delivery in in_flight(sending, 3)] == [
        Outcome.SENT,
        Outcome.NOT_SENT,
        Outcome.NOT_SENT,
    ]


@pytest.mark.parametrize(
    "more", [b"", RESET, RESET + SENDER, RESET + SENDER + RECIPIENT, b"25", b"what?\r\n"]
)
def test_after_a_farewell_to_the_message_before_it_a_message_is_in_doubt(more: bytes) -> None:
    said = SENDER + RECIPIENT + b"421 4.7.0 enough\r\n"
    sending, _ = session("BDAT", *window_is_open(), (last_of(2), said + more))
    first, second = in_flight(sending, 2)
    assert (first.outcome, first.recipients[0].retryable) == (Outcome.NOT_SENT, True)
    assert (second.outcome, second.recipients[0].retryable) == (Outcome.UNKNOWN, False)


def test_a_server_that_goes_on_after_its_farewell_is_heard_to_the_end() -> None:
    said = SENDER + RECIPIENT + b"421 4.7.0 enough\r\n" + RESET + SENDER + RECIPIENT + OK
    sending, _ = session("BDAT", *window_is_open(), (last_of(2), said))
    assert [delivery.outcome for delivery in in_flight(sending, 2)] == [Outcome.NOT_SENT, Outcome.SENT]
    assert sending.is_used_up


def test_a_farewell_at_data_ends_the_message_behind_it_too() -> None:
    sending, _ = session("pipelined DATA", (b"DATA\r\n", SENDER + RECIPIENT + b"421 4.3.2 closing\r\n"))
    deliveries = list(sending.send_many([message(1), message(2)]))
    assert [delivery.outcome for delivery in deliveries] == [Outcome.NOT_SENT, Outcome.NOT_SENT]
    assert all(delivery.recipients[0].retryable for delivery in deliveries)


def test_a_message_that_can_not_be_written_does_not_take_the_replies_of_those_ahead() -> None:
    def broken_for_the_second(data: bytes) -> None:
        if b"r2@" in data:
            raise BrokenPipeError

    sending, _ = session(
        "BDAT",
        *window_is_open(),
        (last_of(1), SENDER + RECIPIENT + OK),
        (b"never", b""),
        allow=broken_for_the_second,
    )
    assert [delivery.outcome for delivery in in_flight(sending, 2)] == [Outcome.SENT, Outcome.NOT_SENT]


@pytest.mark.parametrize("octets", [0, 1])
@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (OK, "250"),
        (OK + OK, "250"),
        (NO_MAIL + NO_MAIL, "503"),
        (OK + NO_MAIL, "two answers"),
        (NO_MAIL + OK, "two answers"),
    ],
)
def test_of_a_message_that_is_handed_on_two_answers_that_contradict_each_other_are_no_word(
    answers: bytes, said: str, octets: int
) -> None:
    sending, _ = session(
        "BDAT",
        (b"RCPT TO:<r1@example.test>\r\n", SENDER + RECIPIENT),
        (last_of(1), answers),
        octets_per_read=octets,
        silent_at_end=True,
    )
    envelope, _ = message(1)
    transaction = sending.begin_stepwise()
    transaction.mail(envelope.sender, ())
    transaction.rcpt(envelope.recipients[0], ())
    assert [transaction.next_answer().code for _ in range(2)] == [250, 250]
    transaction.begin()
    transaction.write(last_of(1))
    try:
        told = str(transaction.finish())
    except OutOfStep as exc:
        told = str(exc)
    assert said in told
    assert transaction.is_committed
    assert sending.is_open is (len(answers) == len(OK))
