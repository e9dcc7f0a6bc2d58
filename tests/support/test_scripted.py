"""The scripted server, checked with the standard library's client and with bare sockets."""

from __future__ import annotations

import base64
import smtplib
import socket
from contextlib import suppress

import pytest

from tests.support.authority import authority
from tests.support.scripted import Cut, Fault, Kind, ScriptedServer, Settings, Step

MESSAGE = b"Subject: one\r\n\r\n.dot\r\n..\r\nlast\r\n"
A, B, C = "a@example.test", "b@example.test", "c@example.test"
ENVELOPE = b"EHLO me\r\n", b"MAIL FROM:<a@example.test>\r\n", b"RCPT TO:<b@example.test>\r\n"


def client(server: ScriptedServer) -> smtplib.SMTP:
    if server.settings.tls == "ssl":
        return smtplib.SMTP_SSL(server.host, server.port, context=authority().client(), timeout=5)
    connection = smtplib.SMTP(server.host, server.port, timeout=5)
    if server.settings.tls == "starttls":
        connection.starttls(context=authority().client())
    return connection


def talk(server: ScriptedServer, *lines: bytes) -> bytes:
    """Everything that the server says to these lines, sent one after the other without waiting, and QUIT."""
    with socket.create_connection((server.host, server.port), timeout=0.5) as sock:
        with suppress(OSError):
            sock.sendall(b"".join(lines) + b"QUIT\r\n")
        heard = everything(sock)
    server.wait_until_served()
    return heard


def everything(sock: socket.socket) -> bytes:
    """What comes until the end, and how it ended unless that was in good order."""
    heard = b""
    try:
        while data := sock.recv(65536):
            heard += data
    except OSError as error:
        heard += type(error).__name__.encode()
    return heard


@pytest.mark.parametrize("tls", ["plain", "starttls", "ssl"])
@pytest.mark.parametrize("byte_by_byte", [False, True])
def test_a_message_is_accepted_and_logged(tls: str, byte_by_byte: bool) -> None:
    with ScriptedServer(Settings(tls=tls, byte_by_byte=byte_by_byte)) as server:
        with client(server) as connection:
            assert connection.sendmail(A, [B, C], MESSAGE) == {}
        server.wait_until_served()
    (accepted,) = server.log.accepted
    assert (accepted.sender, accepted.recipients, accepted.by) == (A, (B, C), "DATA")
    assert accepted.content == MESSAGE
    assert bool(accepted.tls) == (tls != "plain")
    assert server.log.violations == []
    assert (b"FROM:" in server.log.clear.upper()) == (tls == "plain")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_login_is_needed_and_checked(mechanism: str) -> None:
    settings = Settings(tls="ssl", auth=(mechanism,), logins={"ann": "canary"})
    with ScriptedServer(settings) as server:
        with client(server) as connection:
            connection.ehlo()
            assert connection.mail(A)[0] == 530
            with pytest.raises(smtplib.SMTPAuthenticationError):
                connection.login("ann", "wrong")
            connection.login("ann", "canary")
            connection.sendmail(A, [B], MESSAGE)
        server.wait_until_served()
    assert (server.log.accepted[0].username, server.log.accepted[0].mechanism) == ("ann", mechanism)
    assert server.log.violations == []


def test_bdat_in_chunks_makes_one_message() -> None:
    chunks = b"BDAT 7\r\nLine 1\n", b"BDAT 3 LAST\r\nab\n"
    with ScriptedServer() as server:
        heard = talk(server, *ENVELOPE, *chunks)
    assert heard.count(b"\r\n250 2.0.0 ") == 2
    assert server.log.accepted[0].content == b"Line 1\nab\n"
    assert server.log.accepted[0].by == "BDAT"
    assert server.log.violations == [
        "more was sent before the reply to EHLO",
        "a CR or LF that stands alone in the message",
    ]


def test_pipelining_without_an_offer_is_seen() -> None:
    with ScriptedServer(Settings(pipelining=False)) as server:
        talk(server, *ENVELOPE)
    assert "more was sent before the reply to MAIL" in server.log.violations


def test_recipients_are_refused_by_name_and_by_number() -> None:
    with ScriptedServer(Settings(refused={B: "550 5.1.1 no"}, max_recipients=1)) as server:
        heard = talk(server, *ENVELOPE, b"RCPT TO:<c@example.test>\r\n", b"RCPT TO:<d@example.test>\r\n")
    assert [line[:3] for line in heard.splitlines()[-4:]] == [b"550", b"250", b"452", b"221"]


REPLIES = {
    Kind.TEMPORARY: b"450 4.2.1 mailbox busy\r\n221",
    Kind.PERMANENT: b"550 5.1.1 no such user\r\n221",
    Kind.GARBAGE: b"\x00\xff\x1b[31m\x80 no reply at all\r\n221",
    Kind.EXTRA: b"250 2.1.5 recipient OK\r\n250 2.0.0 one more\r\n221",
    Kind.WRONG_CODE: b"354 go on\r\n221",
    Kind.MIXED: b"550-5.0.0 no\r\n250 2.1.5 recipient OK\r\n221",
    Kind.DRIP: b"250 2.1.5 recipient OK\r\n221",
    Kind.HUGE: b"250 " + b"x" * 1024 * 1024 + b"\r\n221",
}


@pytest.mark.parametrize("kind", REPLIES)
def test_a_wrong_reply_is_given_at_its_step_only(kind: Kind) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.RCPT, kind), drip=0.001)) as server:
        heard = talk(server, *ENVELOPE)
        again = talk(server, *ENVELOPE)
    assert b"sender OK\r\n" + REPLIES[kind] in heard
    assert again.endswith(b"250 2.1.5 recipient OK\r\n221 2.0.0 bye\r\n")


ENDINGS = {
    Kind.SHUTDOWN: b"sender OK\r\n421 4.3.2 shutting down\r\n",
    Kind.CLOSE: b"sender OK\r\n",
    Kind.RESET: b"ConnectionResetError",
    Kind.HALF_LINE: b"sender OK\r\n250 2.1.5 recipient O",
    Kind.SILENCE: b"TimeoutError",
    Kind.STALL: b"250 2.1.5 recipient OTimeoutError",
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_connection_ends_at_its_step(kind: Kind) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.RCPT, kind), lifetime=5)) as server:
        assert talk(server, *ENVELOPE).endswith(ENDINGS[kind])


def test_an_endless_reply_goes_on_while_it_is_read() -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.ENDLESS))) as server:
        with socket.create_connection((server.host, server.port), timeout=2) as sock:
            heard = 0
            while heard < 1024 * 1024:
                heard += len(sock.recv(65536))
        server.wait_until_served()
    assert server.log.connections == 1


@pytest.mark.parametrize("acted", [True, False])
def test_a_message_can_be_accepted_and_the_reply_lost(acted: bool) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE, acted=acted))) as server:
        talk(server, *ENVELOPE, b"BDAT 3 LAST\r\na\r\n")
    assert len(server.log.accepted) == acted


def test_the_fault_can_wait_for_its_occurrence() -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.PERMANENT, nth=2))) as server:
        with client(server) as connection:
            connection.sendmail(A, [B], MESSAGE)
            with pytest.raises(smtplib.SMTPDataError):
                connection.sendmail(A, [C], MESSAGE)
            connection.sendmail(A, [B], MESSAGE)
        server.wait_until_served()
    assert [accepted.recipients for accepted in server.log.accepted] == [(B,), (B,)]


def test_a_reply_can_come_before_the_message_is_complete() -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BODY, Kind.EARLY, after=5))) as server:
        with socket.create_connection((server.host, server.port), timeout=2) as sock:
            sock.sendall(b"".join(ENVELOPE) + b"DATA\r\nSubject:")
            heard = b""
            while not heard.endswith(b"250 2.0.0 OK already\r\n"):
                heard += sock.recv(65536)
        server.wait_until_served()
    assert b"354" in heard
    assert server.log.accepted == []


@pytest.mark.parametrize("tls", ["plain", "ssl"])
def test_a_connection_is_cut_after_so_many_octets_written(tls: str) -> None:
    with ScriptedServer(Settings(tls=tls, cut=Cut(written=9))) as server:
        sock = socket.create_connection((server.host, server.port), timeout=2)
        if tls == "ssl":
            sock = authority().client().wrap_socket(sock, server_hostname="localhost")
        with sock:
            assert everything(sock).removesuffix(b"SSLEOFError") == b"220 scrip"


def test_a_connection_is_cut_after_so_many_octets_read() -> None:
    until_the_dot = len(b"".join(ENVELOPE)) + len(b"DATA\r\na\r\n.\r\n")
    for short in (0, 1):
        with ScriptedServer(Settings(cut=Cut(read=until_the_dot - short))) as server:
            talk(server, *ENVELOPE, b"DATA\r\na\r\n.\r\n")
        assert len(server.log.accepted) == 1 - short


def test_a_fault_in_the_handshake_is_no_handshake() -> None:
    for kind in (Kind.CLOSE, Kind.GARBAGE):
        server = ScriptedServer(Settings(tls="starttls", fault=Fault(Step.TLS, kind)))
        with server, pytest.raises((OSError, smtplib.SMTPException)):
            client(server)
        assert server.log.violations == []


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n"])
def test_a_sloppy_server_takes_other_ends_for_the_end_of_a_message(end: bytes) -> None:
    settings = Settings(ends=(b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n"))
    second = b"MAIL FROM:<c@example.test>\r\nRCPT TO:<d@example.test>\r\nDATA\r\nb\r\n.\r\n"
    with ScriptedServer(settings) as server:
        talk(server, *ENVELOPE, b"DATA\r\na", end, second)
    assert [accepted.content for accepted in server.log.accepted] == [b"a" + end[:1], b"b\r\n"]


def test_an_oauth_refusal_is_a_challenge_first() -> None:
    wrong = base64.b64encode(b"user=ann\1auth=Bearer wrong\1\1")
    with ScriptedServer(Settings(auth=("XOAUTH2",), logins={"ann": "canary"})) as server:
        heard = talk(server, b"EHLO me\r\n", b"AUTH XOAUTH2 " + wrong + b"\r\n", b"\r\n")
    assert b'"status":"401"' in base64.b64decode(heard.split(b"334 ")[1].split(b"\r\n")[0])
    assert b"535 5.7.8" in heard


def test_the_server_stops_by_itself() -> None:
    server = ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.SILENCE), lifetime=0.2))
    with server, socket.create_connection((server.host, server.port), timeout=5) as sock:
        assert sock.recv(1) == b""
