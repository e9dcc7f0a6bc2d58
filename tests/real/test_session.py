"""`smtp.session` as a library, against Postfix and Exim."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from uuid import uuid4

import pytest

from smtp.content import Octets
from smtp.envelope import Address, Envelope
from smtp.options import Options
from smtp.outcome import Outcome, Status
from smtp.session import Session
from tests.real.certificates import Certificates
from tests.real.exim import Exim
from tests.real.people import ALICE, BLOCKED, BOB, BUSY, ELSEWHERE, UNKNOWN
from tests.real.postfix import SIZE_LIMIT, Postfix, Service
from tests.real.services import RELAY, TLS_MODES, TRANSPORTS, name_of

_SENDER = Address("sender", "example.com")


def _open(port: int, tls: str, certificates: Certificates, *, pipelining: bool = True) -> Session:
    context = ssl.create_default_context(cafile=certificates.certificate)
    options = Options(implicit_tls=tls == "ssl", context=context, use_pipelining=pipelining)
    session = Session.connect("localhost", port, options)
    session.hello()
    if tls == "starttls":
        session.start_tls()
        session.hello()
    return session


def _address(text: str) -> Address:
    local_part, _, domain = text.rpartition("@")
    return Address(local_part, domain)


def _envelope(*recipients: str) -> Envelope:
    return Envelope(_SENDER, tuple(map(_address, recipients)))


def _message(body: bytes = b"Hello\r\n") -> tuple[str, bytes]:
    """A Message-ID and a message with it."""
    message_id = f"<{uuid4()}@example.com>"
    header = f"From: sender@example.com\r\nTo: alice@example.com\r\nMessage-ID: {message_id}\r\n\r\n"
    return message_id, header.encode() + body


@pytest.fixture(params=TRANSPORTS, ids=name_of)
def transport(request: pytest.FixtureRequest) -> Service:
    service: Service = request.param
    return service


@pytest.fixture
def session(postfix: Postfix, transport: Service, certificates: Certificates) -> Iterator[Session]:
    with _open(postfix.port(transport), transport.tls, certificates) as opened:
        yield opened


def test_a_message_arrives_octet_for_octet(session: Session, postfix: Postfix) -> None:
    message_id, message = _message(
        b"..two dots\r\n.\r\none dot\r\n\r\n  trailing spaces  \r\n" + b"x" * 998 + b"\r\n"
    )
    delivery = session.send(_envelope(ALICE, BOB), Octets(message))
    assert delivery.outcome is Outcome.SENT
    assert postfix.mailboxes.wait_for(ALICE, message_id).content == message
    assert postfix.mailboxes.wait_for(BOB, message_id).content == message


def test_refused_recipients_do_not_stop_the_others(session: Session, postfix: Postfix) -> None:
    message_id, message = _message()
    delivery = session.send(_envelope(BLOCKED, ALICE, UNKNOWN, BUSY, BOB, ELSEWHERE), Octets(message))
    assert delivery.outcome is Outcome.PARTLY_SENT
    said = [(str(r.address), r.status, r.reply and r.reply.code, r.retryable) for r in delivery.recipients]
    assert said == [
        (BLOCKED, Status.REFUSED, 550, False),
        (ALICE, Status.ACCEPTED, 250, False),
        (UNKNOWN, Status.REFUSED, 550, False),
        (BUSY, Status.REFUSED, 450, True),
        (BOB, Status.ACCEPTED, 250, False),
        (ELSEWHERE, Status.REFUSED, 554, False),
    ]
    assert postfix.mailboxes.wait_for(ALICE, message_id).content == message
    assert postfix.mailboxes.wait_for(BOB, message_id).content == message


def test_nothing_is_sent_when_every_recipient_is_refused(session: Session, postfix: Postfix) -> None:
    delivery = session.send(_envelope(BLOCKED, UNKNOWN), Octets(_message()[1]))
    assert delivery.outcome is Outcome.NOT_SENT
    message_id, message = _message()
    assert session.send(_envelope(ALICE), Octets(message)).outcome is Outcome.SENT
    assert postfix.mailboxes.wait_for(ALICE, message_id).content == message


def test_a_hundred_messages_in_a_window_arrive_once_each(session: Session, postfix: Postfix) -> None:
    messages = [_message(b"%d\r\n" % number) for number in range(100)]
    deliveries = session.send_many((_envelope(ALICE), Octets(message)) for _, message in messages)
    assert [delivery.outcome for delivery in deliveries] == [Outcome.SENT] * 100
    for message_id, message in messages:
        assert postfix.mailboxes.wait_for(ALICE, message_id).content == message


def test_a_window_tells_each_message_its_own_truth(session: Session, postfix: Postfix) -> None:
    recipients = [(ALICE,), (BLOCKED,), (BOB, UNKNOWN), (BUSY, ELSEWHERE), (ALICE, BOB)]
    messages = [_message() for _ in recipients]
    batch = zip(recipients, messages, strict=True)
    deliveries = list(session.send_many((_envelope(*to), Octets(message)) for to, (_, message) in batch))
    outcomes = [delivery.outcome for delivery in deliveries]
    assert outcomes == [
        Outcome.SENT,
        Outcome.NOT_SENT,
        Outcome.PARTLY_SENT,
        Outcome.NOT_SENT,
        Outcome.SENT,
    ]
    assert postfix.mailboxes.wait_for(BOB, messages[2][0]).content == messages[2][1]
    assert postfix.mailboxes.wait_for(BOB, messages[4][0]).content == messages[4][1]


def test_what_the_server_offers_is_read(session: Session, transport: Service) -> None:
    offered = {keyword: keyword.upper() in session.extensions for keyword in ("chunking", "pipelining")}
    assert offered == {keyword: keyword not in transport.without for keyword in offered}
    assert "8BITMIME" in session.extensions
    assert session.extensions.size == SIZE_LIMIT


def test_single_steps_and_a_reset_leave_nothing_behind(session: Session, postfix: Postfix) -> None:
    session.mail(_SENDER)
    session.rcpt(_address(BOB))
    assert session.reset().code == 250
    assert session.noop().code == 250
    assert session.verify(ALICE).code == 252
    message_id, message = _message()
    session.mail(_SENDER)
    session.rcpt(_address(ALICE))
    assert session.data(Octets(message)).code == 250
    assert postfix.mailboxes.wait_for(ALICE, message_id).content == message
    assert postfix.mailboxes.holding(BOB, message_id) == []


def test_chunking_is_used_where_it_is_offered(
    postfix: Postfix, certificates: Certificates, transport: Service
) -> None:
    before = len(postfix.sessions(transport))
    with _open(postfix.port(transport), transport.tls, certificates) as session:
        session.send(_envelope(ALICE), Octets(_message()[1]))
    counts = postfix.next_session(transport, before)
    assert ("bdat" in counts, "data" in counts) == (
        "chunking" not in transport.without,
        "chunking" in transport.without,
    )
    assert counts["quit"] == "1"


@pytest.mark.parametrize("tls", TLS_MODES)
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in_lockstep"])
def test_exim_takes_the_same_messages(
    exim: Exim, certificates: Certificates, tls: str, pipelining: bool
) -> None:
    messages = [_message(b".dot\r\n" * 1000) for _ in range(20)]
    with _open(exim.ports[tls], tls, certificates, pipelining=pipelining) as session:
        batch = ((_envelope(ALICE, UNKNOWN), Octets(message)) for _, message in messages)
        deliveries = list(session.send_many(batch))
    assert [delivery.outcome for delivery in deliveries] == [Outcome.PARTLY_SENT] * 20
    for message_id, message in messages:
        assert exim.mailboxes.wait_for(ALICE, message_id).content == message


def test_the_transcript_has_the_dialogue_without_the_message(
    postfix: Postfix, certificates: Certificates
) -> None:
    with _open(postfix.port(RELAY), "plain", certificates) as session:
        session.send(_envelope(ALICE), Octets(_message(b"not for the transcript\r\n")[1]))
        told = str(session.transcript)
    assert "RCPT TO:<alice@example.com>" in told
    assert "not for the transcript" not in told
