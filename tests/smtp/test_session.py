"""A session over a list of octets: what leaves in which write, and what is said of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smtp.content import Content, Octets
from smtp.envelope import Address, Body, Envelope
from smtp.errors import (
    AuthenticationFailed,
    AuthenticationRefused,
    Category,
    ConnectionLost,
    ContentError,
    NotOffered,
    Refused,
    RemoteProtocolError,
    Step,
    TimedOut,
    TooLarge,
)
from smtp.options import Options, Timeouts
from smtp.outcome import Outcome, Status
from smtp.sasl.credentials import BearerCredentials, PasswordCredentials
from smtp.session import Session
from tests.support.stream import Lines, ListStream

JANE, BOB, EVE = (Address(name, "example.com") for name in ("jane", "bob", "eve"))
MESSAGE = Octets(b"Subject: hi\n\n.dot\n")
SENT = b"Subject: hi\r\n\r\n.dot\r\n"
PLAIN = "PIPELINING", "8BITMIME", "SIZE 1000"
CHUNKS = *PLAIN, "CHUNKING"
NOBODY: Lines = (b"VRFY no-such-mailbox\r\n", b"252 send some mail\r\n")
"""Asked behind the first message on a connection."""
WINDOW_IS_OPEN: tuple[Lines, ...] = (
    (b"RCPT TO:<bob@example.com>\r\n", b"250 a\r\n250 b\r\n"),
    (SENT, b"250 ok\r\n"),
    NOBODY,
    (b"BDAT 6 LAST\r\nNOOP\r\n", b"503 no recipients\r\n"),
    NOBODY,
)
"""One message has been sent, and the server has passed over a chunk."""


def session_over(
    *dialogue: Lines, offers: tuple[str, ...] = PLAIN, octets: int = 0, silent: bool = False, **options: bool
) -> tuple[Session, ListStream]:
    """A session that has said EHLO to a server offering that, about to meet the dialogue."""
    lines = ["hi", *offers]
    ehlo = "".join(f"250{'-' if i < len(lines) - 1 else ' '}{line}\r\n" for i, line in enumerate(lines))
    opening: list[Lines] = [(b"", b"220 hi\r\n"), (b"EHLO me.example\r\n", ehlo.encode())]
    stream = ListStream([*opening, *dialogue], octets_per_read=octets, silent_at_end=silent)
    timeouts = Timeouts(reply=0.1, end_of_message=0.1)
    session = Session(stream, "mail.example", Options(timeouts=timeouts, **options))
    session._read_banner()
    session.hello("me.example")
    stream.written.clear()
    return session, stream


def statuses(session: Session, *recipients: Address, content: Content = MESSAGE) -> list[str]:
    delivery = session.send(Envelope(JANE, recipients), content)
    return [recipient.status.value for recipient in delivery.recipients]


@pytest.mark.parametrize("octets", [0, 1])
def test_with_pipelining_the_envelope_is_one_write_and_the_message_another(octets: int) -> None:
    session, stream = session_over(
        (b"DATA\r\n", b"250 a\r\n250 b\r\n550 c\r\n354 d\r\n"), (b"\r\n.\r\n", b"250 e\r\n"), octets=octets
    )
    assert statuses(session, BOB, EVE) == ["accepted", "refused"]
    assert stream.written == [
        b"MAIL FROM:<jane@example.com> SIZE=21\r\nRCPT TO:<bob@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\n",
        b"Subject: hi\r\n\r\n..dot\r\n.\r\n",
    ]


@pytest.mark.parametrize("octets", [0, 1])
def test_with_chunking_too_the_envelope_is_one_write_and_the_message_another(octets: int) -> None:
    session, stream = session_over(
        (b"RCPT TO:<bob@example.com>\r\n", b"250 a\r\n250 b\r\n"),
        (SENT, b"250 2.0.0 queued as 4XYZ\r\n"),
        offers=CHUNKS,
        octets=octets,
    )
    delivery = session.send(Envelope(JANE, (BOB,)), MESSAGE)
    assert (delivery.outcome, str(delivery.reply)) == (Outcome.SENT, "250 2.0.0 queued as 4XYZ")
    assert stream.written == [
        b"MAIL FROM:<jane@example.com> SIZE=21\r\nRCPT TO:<bob@example.com>\r\n",
        b"BDAT 21 LAST\r\n" + SENT,
    ]


def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    session, stream = session_over(
        (b"MAIL", b"250 a\r\n"),
        (b"RCPT", b"250 b\r\n"),
        (b"DATA", b"354 c\r\n"),
        (b".\r\n", b"250 d\r\n"),
        offers=(),
    )
    assert statuses(session, BOB) == ["accepted"]
    assert len(stream.written) == 4


def test_switched_off_extensions_are_not_used() -> None:
    session, stream = session_over(
        (b"MAIL", b"250 a\r\n"),
        (b"RCPT", b"250 b\r\n"),
        (b"DATA", b"354 c\r\n"),
        (b"\r\n.\r\n", b"250 d\r\n"),
        offers=CHUNKS,
        use_pipelining=False,
        use_chunking=False,
    )
    assert statuses(session, BOB) == ["accepted"]
    assert b"BDAT" not in stream.sent


@pytest.mark.parametrize("size", [10, 70_000])
def test_no_octet_of_a_message_leaves_before_a_recipient_was_accepted(size: int) -> None:
    session, stream = session_over(
        (b"RCPT TO:<bob@example.com>\r\n", b"250 a\r\n550 b\r\n"), offers=("PIPELINING", "CHUNKING")
    )
    assert statuses(session, BOB, content=Octets(b"x" * size)) == ["refused"]
    assert b"BDAT" not in stream.sent
    assert b"xx" not in stream.sent


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (b"", "unknown"),
        (b"250 a\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n250 ok", "unknown"),
        (b"250 a\r\n250 b\r\n354 what\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n250-x\r\n550 y\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n451 later\r\n", "refused"),
        (b"250 a\r\n550 b\r\n", "refused"),
        (b"451 a\r\n", "not tried"),
        (b"421 bye\r\n", "not tried"),
        (b"250 a\r\n421 bye\r\n", "refused"),
        (b"550 a\r\n250 b\r\n250 c\r\n", "not tried"),
    ],
)
def test_of_a_message_in_flight_with_others_only_what_was_answered_is_known(
    replies: bytes, expected: str
) -> None:
    session, _ = session_over(*WINDOW_IS_OPEN, (SENT, replies), offers=CHUNKS)
    first, second = session.send_many([(Envelope(JANE, (BOB,)), MESSAGE)] * 2, window=2)
    assert first.outcome is Outcome.SENT
    assert [recipient.status.value for recipient in second.recipients] == [expected]


@pytest.mark.parametrize(
    ("opening", "end", "expected"),
    [
        (b"", b"", "not tried"),
        (b"250 a\r\n", b"", "not tried"),
        (b"451 a\r\n", b"", "not tried"),
        (b"421 bye\r\n", b"", "not tried"),
        (b"250 a\r\n550 b\r\n", b"", "refused"),
        (b"250 a\r\n421 bye\r\n", b"", "not tried"),
        (b"250 a\r\n250 b\r\n", b"", "unknown"),
        (b"250 a\r\n250 b\r\n", b"250 ok", "unknown"),
        (b"250 a\r\n250 b\r\n", b"354 what\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n", b"250-x\r\n550 y\r\n", "unknown"),
        (b"250 a\r\n250 b\r\n", b"451 later\r\n", "refused"),
        (b"250 a\r\n250 b\r\n", b"250 ok\r\n", "accepted"),
    ],
)
def test_by_itself_a_message_is_in_doubt_only_once_it_was_written(
    opening: bytes, end: bytes, expected: str
) -> None:
    session, _ = session_over((b"RCPT TO:<bob@example.com>\r\n", opening), (SENT, end), offers=CHUNKS)
    assert statuses(session, BOB) == [expected]


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (b"", Outcome.UNKNOWN),
        (b"250 o", Outcome.UNKNOWN),
        (b"150 no\r\n", Outcome.UNKNOWN),
        (b"garbage\r\n", Outcome.UNKNOWN),
        (b"250-x\r\n451 y\r\n", Outcome.UNKNOWN),
        (b"452 full\r\n", Outcome.NOT_SENT),
        (b"554 spam\r\n", Outcome.NOT_SENT),
        (b"421 bye\r\n", Outcome.NOT_SENT),
        (b"250 ok\r\n", Outcome.SENT),
    ],
)
def test_the_answer_to_the_dot_decides(end: bytes, outcome: Outcome) -> None:
    session, _ = session_over((b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n"), (b"\r\n.\r\n", end))
    assert session.send(Envelope(JANE, (BOB,)), MESSAGE).outcome is outcome


@pytest.mark.parametrize("early", [b"250 early\r\n", b"250 early\r\n250 more\r\n", b"2"])
def test_an_answer_before_the_message_is_complete_is_never_taken_for_the_last(early: bytes) -> None:
    session, stream = session_over((b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n" + early))
    delivery = session.send(Envelope(JANE, (BOB,)), MESSAGE)
    assert delivery.outcome is Outcome.NOT_SENT
    assert b"\r\n.\r\n" not in stream.sent
    assert stream.is_closed


def test_an_early_refusal_is_the_reason() -> None:
    session, stream = session_over((b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n552 5.3.4 too big\r\n"))
    delivery = session.send(Envelope(JANE, (BOB,)), MESSAGE)
    assert isinstance(delivery.failure, Refused)
    assert (delivery.failure.step, delivery.failure.retryable) == (Step.BODY, False)
    assert b"\r\n.\r\n" not in stream.sent


def test_a_write_that_fails_leaves_the_message_not_sent() -> None:
    session, stream = session_over((b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n"), silent=True)

    def broken(data: bytes) -> None:
        if data.endswith(b"\r\n.\r\n"):
            raise BrokenPipeError

    stream._allow = broken
    delivery = session.send(Envelope(JANE, (BOB,)), MESSAGE)
    assert (delivery.outcome, type(delivery.failure)) == (Outcome.NOT_SENT, ConnectionLost)


def test_no_recipient_and_yet_354_gets_a_lone_dot() -> None:
    session, stream = session_over(
        (b"DATA\r\n", b"250 a\r\n550 b\r\n354 c\r\n"), (b".\r\n", b"250 empty\r\n")
    )
    assert statuses(session, BOB) == ["refused"]
    assert stream.written[-1] == b".\r\n"


def test_the_next_message_after_a_refused_one_begins_with_a_reset() -> None:
    session, _ = session_over(
        (b"DATA\r\n", b"250 a\r\n550 b\r\n503 c\r\n"),
        (b"RSET\r\n", b"250 reset\r\n"),
        (b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n"),
        (b"\r\n.\r\n", b"250 e\r\n"),
    )
    assert statuses(session, BOB) == ["refused"]
    assert statuses(session, EVE) == ["accepted"]


def test_recipients_beyond_the_servers_limit_go_into_another_transaction() -> None:
    session, stream = session_over(
        (b"DATA\r\n", b"250 a\r\n250 b\r\n452 4.5.3 too many\r\n354 d\r\n"),
        (b"\r\n.\r\n", b"250 one\r\n"),
        NOBODY,
        (b"DATA\r\n", b"250 a\r\n250 b\r\n354 d\r\n"),
        (b"\r\n.\r\n", b"250 two\r\n"),
    )
    assert statuses(session, BOB, EVE) == ["accepted", "accepted"]
    assert stream.sent.count(b"RCPT TO:<bob@example.com>") == 1
    assert stream.sent.count(b"RCPT TO:<eve@example.com>") == 2


def test_a_full_mailbox_is_no_limit_of_recipients() -> None:
    session, _ = session_over(
        (b"DATA\r\n", b"250 a\r\n250 b\r\n452 4.2.2 mailbox full\r\n354 d\r\n"),
        (b"\r\n.\r\n", b"250 one\r\n"),
    )
    delivery = session.send(Envelope(JANE, (BOB, EVE)), MESSAGE)
    assert delivery.outcome is Outcome.PARTLY_SENT
    assert (delivery.recipients[1].status, delivery.recipients[1].retryable) == (Status.REFUSED, True)


def test_the_limits_that_the_server_states_are_kept() -> None:
    session, _ = session_over(
        (b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n"),
        (b"\r\n.\r\n", b"250 one\r\n"),
        NOBODY,
        (b"DATA\r\n", b"250 a\r\n250 b\r\n354 c\r\n"),
        (b"\r\n.\r\n", b"250 two\r\n"),
        offers=("PIPELINING", "LIMITS RCPTMAX=1 MAILMAX=2"),
    )
    assert statuses(session, BOB, EVE) == ["accepted", "accepted"]
    assert session.is_used_up
    assert statuses(session, BOB) == ["not tried"]


def test_what_the_server_cannot_take_is_not_offered() -> None:
    session, stream = session_over(offers=("SIZE 10",))
    assert isinstance(session.send(Envelope(JANE, (BOB,)), MESSAGE).failure, TooLarge)
    for envelope in (Envelope(JANE, (BOB,), Body.EIGHT_BIT), Envelope(JANE, (BOB,), smtputf8=True)):
        assert isinstance(session.send(envelope, Octets(b"")).failure, NotOffered)
    assert stream.sent == b""


class Broken:
    """Content that is not what it said."""

    def __init__(self, size: int, *chunks: bytes, error: OSError | None = None) -> None:
        self.size = size
        self._chunks = chunks
        self._error = error

    def chunks(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize(
    "content",
    [
        Broken(100_000, b"x\r\n" * 30_000),
        Broken(90_000, b"x\r\n" * 30_001),
        Broken(90_000, b"x\r\n" * 30_000, error=OSError("vanished")),
        Broken(90_003, b"x\r\n" * 30_000, b"x\n\r"),
        Broken(90_001, b"x\r\n" * 30_000, b"x"),
        Broken(10, b"x\r\n"),
    ],
)
@pytest.mark.parametrize("offers", [PLAIN[:1], ("PIPELINING", "CHUNKING")])
def test_content_that_is_not_what_it_said_is_never_completed(
    content: Broken, offers: tuple[str, ...]
) -> None:
    session, stream = session_over(
        (b"RCPT TO:<bob@example.com>\r\n", b"250 a\r\n250 b\r\n"),
        (b"DATA\r\n", b"354 c\r\n"),
        offers=offers,
        silent=True,
    )
    delivery = session.send(Envelope(JANE, (BOB,)), content)
    assert delivery.outcome is Outcome.NOT_SENT
    assert isinstance(delivery.failure, ContentError)
    assert not stream.sent.endswith(b"\r\n.\r\n")
    _, chunk, octets = stream.sent.partition(b" LAST\r\n")
    assert not chunk or len(octets) < content.size
    assert stream.is_closed


def test_starttls_that_is_not_offered_sends_nothing() -> None:
    session, stream = session_over()
    with pytest.raises(NotOffered) as caught:
        session.start_tls()
    assert caught.value.category is Category.SECURITY
    assert stream.sent == b""


@pytest.mark.parametrize("behind", [b"250 injected\r\n", b"250 frag", b"\x00"])
@pytest.mark.parametrize("octets", [0, 1])
def test_anything_behind_the_go_ahead_for_tls_ends_it(behind: bytes, octets: int) -> None:
    session, stream = session_over(
        (b"STARTTLS\r\n", b"220 go\r\n" + behind), offers=("STARTTLS",), octets=octets
    )
    with pytest.raises((RemoteProtocolError, ConnectionLost)):
        session.start_tls()
    assert stream.handshakes == []
    assert stream.is_closed


LOGIN = PasswordCredentials("jane", "hunter2")


def test_a_password_does_not_cross_a_line_without_tls() -> None:
    session, stream = session_over(offers=("AUTH PLAIN LOGIN",))
    with pytest.raises(NotOffered) as caught:
        session.authenticate(LOGIN)
    assert (caught.value.category, stream.sent) == (Category.SECURITY, b"")


def test_a_password_crosses_it_when_that_was_allowed() -> None:
    session, _ = session_over(
        (b"AUTH PLAIN AGphbmUAaHVudGVyMg==\r\n", b"235 hi\r\n"), offers=("AUTH PLAIN LOGIN",)
    )
    assert session.authenticate(LOGIN, allow_plaintext=True) == "PLAIN"


def test_a_refused_login_is_final() -> None:
    session, stream = session_over((b"AUTH", b"535 5.7.8 no\r\n"), offers=("AUTH PLAIN LOGIN",))
    with pytest.raises(AuthenticationRefused) as caught:
        session.authenticate(LOGIN, allow_plaintext=True)
    assert caught.value.category is Category.AUTHENTICATION
    assert stream.sent.count(b"AUTH") == 1
    assert "hunter2" not in str(caught.value)


def test_a_challenge_that_is_not_base64_is_cancelled() -> None:
    session, stream = session_over(
        (b"AUTH CRAM-MD5\r\n", b"334 ***\r\n"), (b"*\r\n", b"501 cancelled\r\n"), offers=("AUTH CRAM-MD5",)
    )
    with pytest.raises(AuthenticationFailed):
        session.authenticate(LOGIN, allow_plaintext=True)
    assert stream.sent == b"AUTH CRAM-MD5\r\n*\r\n"
    assert session.is_open


def test_a_silent_server_is_not_waited_for_longer_than_said() -> None:
    session, _ = session_over(silent=True)
    with pytest.raises(TimedOut) as caught:
        session.noop()
    assert caught.value.step is Step.NOOP


def test_the_single_steps_make_a_transaction_too() -> None:
    session, _ = session_over(
        (b"MAIL FROM:<jane@example.com>\r\n", b"250 a\r\n"),
        (b"RCPT TO:<bob@example.com>\r\n", b"250 b\r\n"),
        (b"DATA\r\n", b"354 c\r\n"),
        (b"\r\n.\r\n", b"250 queued\r\n"),
        (b"VRFY bob\r\n", b"252 perhaps\r\n"),
        (b"RSET\r\n", b"250 d\r\n"),
        (b"NOOP\r\n", b"250 e\r\n"),
        (b"QUIT\r\n", b"221 bye\r\n"),
    )
    session.mail(JANE)
    session.rcpt(BOB)
    assert session.data(MESSAGE).text == "queued"
    assert session.verify("bob").code == 252
    session.reset()
    session.noop()
    session.quit()
    assert not session.is_open


def test_a_session_that_was_closed_meanwhile_is_not_alive() -> None:
    assert session_over(silent=True)[0].is_alive()
    assert not session_over()[0].is_alive()
    assert not session_over((b"", b"421 idle too long\r\n"), silent=True)[0].is_alive()


def test_helo_is_spoken_only_when_that_was_allowed() -> None:
    for allowed in (True, False):
        stream = ListStream(
            [
                (b"", b"220 hi\r\n"),
                (b"EHLO me.example\r\n", b"502 what\r\n"),
                (b"HELO me.example\r\n", b"250 hi\r\n"),
            ]
        )
        session = Session(stream, "mail.example")
        session._read_banner()
        if allowed:
            session.hello("me.example", allow_helo=True)
            assert str(session.extensions) == ""
        else:
            with pytest.raises(Refused):
                session.hello("me.example")


@pytest.mark.parametrize("after", [b"501 cancelled\r\n", b"334 \r\n", b"235 welcome\r\n", b""])
def test_a_server_that_asks_without_end_is_left(after: bytes) -> None:
    prompts = [(b"\r\n", b"334 VXNlcm5hbWU6\r\n")] * 3
    session, stream = session_over(*prompts, (b"*\r\n", after), offers=("AUTH LOGIN",))
    with pytest.raises(AuthenticationFailed):
        session.authenticate(LOGIN, allow_plaintext=True)
    session.quit()
    assert stream.is_closed


def test_a_server_that_accepts_a_credential_it_has_not_seen_is_not_believed() -> None:
    session, _ = session_over((b"AUTH XOAUTH2\r\n", b"235 welcome\r\n"), offers=("AUTH XOAUTH2",))
    token = BearerCredentials("jane", "t" * 4096, "mail.example", 587)
    with pytest.raises(AuthenticationFailed, match="before it had begun"):
        session.authenticate(token, allow_plaintext=True)
