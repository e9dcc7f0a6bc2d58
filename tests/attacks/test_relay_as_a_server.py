"""The relay is a mail server: what clients, and the mail server behind it, may try."""

from __future__ import annotations

import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from doors.relay.limits import Limits
from host.local.home import HOME_VARIABLE
from tests.support.authority import authority
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import ScriptedServer, Settings

ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
SMALL = Limits(drain_seconds=2.0)
EVIL = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<victim@x.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@contextmanager
def attacked(
    folder: Path, settings: Settings | None = None, *, transcript: bool = True, **limits: float
) -> Iterator[tuple[ScriptedServer, RunningRelay, Talk]]:
    """A mail server, a relay before it with some of its limits smaller, and a client."""
    with (
        ScriptedServer(settings or Settings()) as server,
        RunningRelay(
            asset=asset_file(folder, port=server.port),
            limits=replace(SMALL, **limits),
            transcript=transcript,
        ) as relay,
        Talk(relay.port) as client,
    ):
        yield server, relay, client


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize(
    "sloppy", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r.\r\n", b"\n.\r"]
)
def test_no_second_mail_is_smuggled_through_whatever_the_mail_server_takes_for_an_end(
    sloppy: bytes, chunking: bool, tmp_path: Path
) -> None:
    ends = (b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n")
    with attacked(tmp_path, Settings(chunking=chunking, ends=ends)) as (server, _, client):
        message = b"Subject: first\r\n\r\nhello" + sloppy + EVIL
        *_, last = client.replies(ENVELOPE + b"DATA\r\n" + message, 4)
        assert last.startswith("550 5.6.11 ")
        assert client.say("NOOP").startswith("250")
    assert server.log.accepted == []
    assert not any(b"evil@x.test" in line for _, line in server.log.commands)


@pytest.mark.parametrize("keeps_chunks", [True, False])
def test_what_stands_in_a_chunk_is_never_a_command_to_anybody(keeps_chunks: bool, tmp_path: Path) -> None:
    message = b"Subject: first\r\n\r\n" + EVIL
    settings = Settings(keeps_chunks=keeps_chunks, refused={"no@x.test": "550 5.1.1 no"})
    with attacked(tmp_path, settings) as (server, _, client):
        refused = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<no@x.test>\r\n"
        chunk = b"BDAT %d LAST\r\n" % len(message) + message
        assert client.codes(refused + chunk + b"NOOP\r\n", 4) == ["250", "550", "554", "250"]
        assert client.codes(ENVELOPE + chunk + b"NOOP\r\n", 4) == ["250", "250", "250", "250"]
    assert [one.recipients for one in server.log.accepted] == [("b@x.test",)]
    assert not any(b"evil@x.test" in line for _, line in server.log.commands)


@pytest.mark.parametrize(
    "line",
    [
        b"MAIL FROM:<a@x.test\r\nRSET>\r\n",
        b"MAIL FROM:<a@x.test> SIZE=1\rRCPT TO:<evil@x.test>\r\n",
        b'MAIL FROM:<"a\r\nRCPT TO:<evil@x.test>"@x.test>\r\n',
        b"RCPT TO:<a@x.test>\nRCPT TO:<evil@x.test>\r\n",
        b"MAIL FROM:<a@x.test> ENVID=a=b\r\n",
    ],
)
def test_one_line_of_a_client_is_one_line_to_the_server(line: bytes, tmp_path: Path) -> None:
    with attacked(tmp_path) as (server, _, client):
        client.send(line + b"QUIT\r\n")
        while client.reply():
            pass
    assert not any(b"evil" in said for _, said in server.log.commands)
    assert server.log.violations == []


def _certificate(folder: Path) -> str:
    path = folder / "relay.pem"
    issued = authority().issue("localhost", "127.0.0.1")
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    return str(path)


def test_what_is_said_before_tls_is_forgotten(tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), tls_cert=_certificate(tmp_path)) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as sock,
    ):
        sock.recv(1000)
        sock.sendall(b"STARTTLS\r\n" + EVIL)
        assert sock.recv(1000) == b"220 2.0.0 Go ahead\r\n"
        context = ssl.create_default_context(cadata=authority().pem)
        # What came early was taken for the beginning of TLS, or dropped; it was never a command.
        try:
            with context.wrap_socket(sock, server_hostname="localhost") as secure:
                secure.sendall(b"NOOP\r\n")
                assert secure.recv(1000).startswith(b"250 ")
        except (ssl.SSLError, ConnectionError):
            pass
    assert server.log.accepted == []
    assert not any(b"evil" in line for _, line in server.log.commands)


def send_without_end(client: Talk) -> None:
    for _ in range(100_000):
        client.send(b"x" * 65_536)


def test_an_endless_line_ends_with_its_time_and_takes_no_memory(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with attacked(tmp_path, transcript=False, command_seconds=1.0) as (_, _, client):
        with pytest.raises(OSError):
            send_without_end(client)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("drips", [b"N", b"EHLO "])
def test_a_client_that_drips_gets_no_more_time(drips: bytes, tmp_path: Path) -> None:
    with attacked(tmp_path, command_seconds=1.0) as (_, _, client):
        began = time.monotonic()
        client.send(drips)
        while time.monotonic() - began < 0.8:
            client.send(b"x")
            time.sleep(0.1)
        assert client.reply().startswith("421 4.4.2 ")
        assert client.is_closed


def test_a_client_that_stops_in_the_middle_of_a_message_leaves_it_not_sent(tmp_path: Path) -> None:
    for chunking in (True, False):
        with attacked(tmp_path, Settings(chunking=chunking), piece_seconds=0.5) as (server, relay, client):
            client.send(ENVELOPE + b"DATA\r\n" + b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n")
            assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "354", "421"]
            assert "not sent" in relay.heard.wait_for("1 of 1 recipients")
        assert server.log.accepted == []


def test_a_message_may_take_longer_than_a_command_as_long_as_it_goes_on(tmp_path: Path) -> None:
    with attacked(tmp_path, command_seconds=0.5, piece_seconds=PATIENCE) as (server, _, client):
        assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        for _ in range(4):
            client.send(b"Subject: slow\r\n")
            time.sleep(0.3)
        client.send(b"\r\nhello\r\n.\r\n")
        assert client.reply().startswith("250 ")
    assert len(server.log.accepted) == 1


def test_a_message_that_goes_on_and_on_ends_with_its_time(tmp_path: Path) -> None:
    with attacked(tmp_path, message_seconds=1.0) as (server, _, client):
        assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        for _ in range(4):
            client.send(b"Subject: slow\r\n")
            time.sleep(0.2)
        assert client.reply().startswith("421 4.4.2 ")
        assert client.is_closed
    assert server.log.accepted == []


def test_too_many_clients_are_told_so_and_the_others_do_not_feel_it(tmp_path: Path) -> None:
    limits = Limits(clients=20, drain_seconds=2.0)
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), limits=limits, transcript=False) as relay,
    ):
        inside = [Talk(relay.port) for _ in range(20)]
        assert all(client.banner.startswith("220 ") for client in inside)
        for _ in range(500):
            with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as sock:
                assert sock.recv(1000).startswith(b"421 4.7.0 ")
        codes = inside[0].codes(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n", 4)
        assert codes == ["250", "250", "354", "250"]
        for client in inside:
            client.close()


def test_who_makes_mistakes_only_is_sent_away(tmp_path: Path) -> None:
    with attacked(tmp_path) as (_, _, client):
        replies = client.replies(b"NONSENSE\r\n" * (SMALL.mistakes + 1), SMALL.mistakes + 1)
        assert {reply[:3] for reply in replies[:-1]} == {"500"}
        assert replies[-1].startswith("421 4.7.0 ")
        assert client.is_closed


def test_who_never_sends_a_mail_is_sent_away(tmp_path: Path) -> None:
    with attacked(tmp_path, commands=50) as (_, _, client):
        assert client.codes(b"NOOP\r\n" * 51, 51)[-1] == "421"


def test_recipients_are_bounded(tmp_path: Path) -> None:
    with attacked(tmp_path, recipients=3) as (server, _, client):
        wire = b"MAIL FROM:<a@x.test>\r\n" + b"".join(b"RCPT TO:<r%d@x.test>\r\n" % n for n in range(5))
        assert client.codes(wire, 6) == ["250", "250", "250", "250", "452", "452"]
        assert client.codes(b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n", 2) == ["354", "250"]
    assert len(server.log.accepted[0].recipients) == 3


def test_a_message_that_is_larger_than_allowed_is_refused_before_and_after(tmp_path: Path) -> None:
    with attacked(tmp_path, message=10_000) as (server, _, client):
        assert client.say("MAIL FROM:<a@x.test> SIZE=10001").startswith("552 5.3.4 ")
        body = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200
        assert client.codes(ENVELOPE + b"DATA\r\n" + body + b".\r\n", 4) == ["250", "250", "354", "552"]
    assert server.log.accepted == []


def test_what_the_mail_server_says_is_shown_as_one_harmless_line(tmp_path: Path) -> None:
    settings = Settings(refused={"b@x.test": "550 5.1.1 \x1b[31mred\x07 \u202e reversed " + "long " * 300})
    with attacked(tmp_path, settings) as (_, relay, client):
        *_, said = client.replies(ENVELOPE, 2)
        assert said.startswith("550-5.1.1 ") or said.startswith("550 5.1.1 ")
        assert "\x1b" not in said + relay.heard.text
        assert "\x07" not in said
        assert all(len(line) <= 510 for line in said.split("\n"))


def test_what_a_message_says_of_itself_is_one_short_harmless_line_of_the_log(tmp_path: Path) -> None:
    odd = b"<\x1b]0;owned\x07 \xe2\x80\xae \x85" + b"long" * 20_000 + b"@x.test>"
    with attacked(tmp_path) as (server, relay, client):
        message = b"Message-ID: " + odd + b"\r\nSubject: x\r\n\r\nx\r\n.\r\n"
        assert client.codes(ENVELOPE + b"DATA\r\n" + message, 4)[-1] == "250"
        line = relay.heard.wait_for("1 of 1 recipients")
    assert line.isprintable()
    assert len(line) < 500
    assert odd in server.log.accepted[0].content


def test_a_mail_that_goes_round_in_circles_is_stopped(tmp_path: Path) -> None:
    hops = b"".join(b"Received: from a by b; date\r\n" for _ in range(100))
    with attacked(tmp_path) as (server, _, client):
        *_, last = client.replies(ENVELOPE + b"DATA\r\n" + hops + b"\r\nx\r\n.\r\n", 4)
        assert last.startswith("554 5.4.6 ")
    assert server.log.accepted == []
