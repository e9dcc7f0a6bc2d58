"""Many clients of the relay at once, clients that vanish, a relay that is killed: the mail server's account decides."""

from __future__ import annotations

import errno
import re
import resource
import selectors
import signal
import smtplib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from host.local.home import HOME_VARIABLE
from tests.attacks.test_replies_injected_before_tls import GO, INJECTED
from tests.doors.relay.test_command import started
from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
MAIL = ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
CROWD = 10_000
INSIDE = 250
SPARE = 500
"""Descriptors that a process needs beside those of the crowd."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def test_no_mail_has_the_recipients_of_another_however_many_send_at_once(tmp_path: Path) -> None:
    clients, mails = 50, 6
    failed: list[str] = []

    def send(port: int, client: int) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE * 3) as session:
                for number in range(mails):
                    name = f"{client}-{number}"
                    to = [f"{name}-{n}@x.test" for n in range(1 + client % 3)]
                    content = f"Subject: {name}\r\n\r\n{name}\r\n" * (1 + number % 2)
                    session.sendmail(f"{name}@from.test", to, content)
        except (OSError, smtplib.SMTPException) as error:
            failed.append(repr(error))

    with (
        Catcher() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), transcript=False) as relay,
    ):
        threads = [threading.Thread(target=send, args=(relay.port, client)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert len(server.messages) == clients * mails
    for caught in server.messages:
        name = re.search(rb"^Subject: (\S+)\r", caught.content, re.MULTILINE)
        assert name is not None
        shown = name[1].decode()
        assert caught.mail_from == f"{shown}@from.test"
        count = 1 + int(shown.partition("-")[0]) % 3
        assert caught.rcpt_tos == tuple(f"{shown}-{n}@x.test" for n in range(count))


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize(
    "sloppy", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r.\r\n", b"\nx", b"\rx", b"\r"]
)
def test_a_lone_cr_or_lf_is_refused_in_chunks_too_wherever_they_are_cut(
    sloppy: bytes, chunking: bool, tmp_path: Path
) -> None:
    message = b"Subject: first\r\n\r\nhello" + sloppy
    with (
        ScriptedServer(Settings(chunking=chunking)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        Talk(relay.port) as client,
    ):
        for cut in range(len(message) - len(sloppy) - 1, len(message) + 1):
            first, second = message[:cut], message[cut:]
            wire = b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (len(first), first, len(second), second)
            said = client.codes(ENVELOPE + wire + b"RSET\r\n", 5)[2:]
            assert said in (["250", "550", "250"], ["550", "503", "250"])
    assert server.log.accepted == []


def test_a_message_may_come_in_thousands_of_chunks(tmp_path: Path) -> None:
    """Exim makes small ones, however large the message."""
    lines = [b"%d\r\n" % number for number in range(3000)]
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), transcript=False) as relay,
        Talk(relay.port) as client,
    ):
        wire = b"".join(b"BDAT %d\r\n%b" % (len(line), line) for line in (b"Subject: x\r\n\r\n", *lines))
        codes = client.codes(ENVELOPE + wire + b"BDAT 0 LAST\r\n", len(lines) + 4)
        assert set(codes) == {"250"}
    assert server.log.accepted[0].content.endswith(b"\r\n\r\n" + b"".join(lines))


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize(
    "message", [b"DATA\r\nSubject: x\r\n\r\nhel", b"BDAT 900 LAST\r\nSubject: x\r\n\r\nhel"]
)
@pytest.mark.parametrize("chunking", [True, False])
def test_a_client_that_vanishes_in_the_middle_of_a_message_has_sent_none(
    how: str, message: bytes, chunking: bool, tmp_path: Path
) -> None:
    with (
        ScriptedServer(Settings(chunking=chunking)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
    ):
        with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as sock:
            sock.sendall(ENVELOPE + message)
            while b"\r\n250 2.1.5" not in (got := sock.recv(4096, socket.MSG_PEEK)) and b"354" not in got:
                time.sleep(0.01)
            if how == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert "not sent" in relay.heard.wait_for("the client went away")
        with Talk(relay.port) as other:
            assert other.codes(MAIL, 4)[-1] == "250"
    assert [b"hello" in one.content for one in server.log.accepted] == [True]


@pytest.mark.parametrize("chunking", [True, False])
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_client_that_vanishes_behind_its_last_dot_has_sent_its_mail_once(
    how: str, chunking: bool, tmp_path: Path
) -> None:
    with (
        ScriptedServer(Settings(chunking=chunking, delay=0.05)) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
    ):
        client = Talk(relay.port)
        assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        client.send(b"Subject: x\r\n\r\nhello\r\n.\r\n")
        client.vanish(is_reset=how == "reset")
        assert "1 of 1 recipients" in relay.heard.wait_for(": sent (250")
        with Talk(relay.port) as other:
            assert other.codes(MAIL, 4)[-1] == "250"
    assert len(server.log.accepted) == 2


@pytest.mark.parametrize("settings", [Settings(closes_after=1), Settings(max_messages=1)])
def test_sessions_that_have_ended_all_together_cost_nobody_a_mail(settings: Settings, tmp_path: Path) -> None:
    many = 20
    with (
        ScriptedServer(settings) as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port), transcript=False) as relay,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(Talk(relay.port)) for _ in range(many)]
        for client in clients:  # each has a session with the mail server for itself
            assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
        for client in clients:
            assert client.codes(b"Subject: x\r\n\r\nhello\r\n.\r\n", 1) == ["250"]
        assert clients[0].codes(MAIL, 4) == ["250", "250", "354", "250"]
    assert len(server.log.accepted) == server.log.connections == many + 1


def test_a_client_that_has_said_everything_and_closes_its_side_hears_every_answer(tmp_path: Path) -> None:
    with (
        ScriptedServer() as server,
        RunningRelay(asset=asset_file(tmp_path, port=server.port)) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as sock,
    ):
        sock.sendall(MAIL + b"QUIT\r\n")
        sock.shutdown(socket.SHUT_WR)
        with sock.makefile("rb") as file:
            assert [line[:3] for line in file] == [b"220", b"250", b"250", b"354", b"250", b"221"]
    assert len(server.log.accepted) == 1


@pytest.mark.parametrize(
    "message", [b"DATA\r\nSubject: x\r\n\r\nhel\r\n", b"BDAT 99 LAST\r\nSubject: x\r\n\r\nhel"]
)
@pytest.mark.parametrize("chunking", [True, False])
def test_a_relay_that_is_killed_in_the_middle_of_a_message_has_sent_none(
    message: bytes, chunking: bool, tmp_path: Path
) -> None:
    with ScriptedServer(Settings(chunking=chunking)) as server:
        path = asset_file(tmp_path, port=server.port)
        with (
            started("--asset", path, "--listen", "127.0.0.1:0") as (process, _, port),
            Talk(port) as client,
        ):
            assert client.codes(ENVELOPE, 2) == ["250", "250"]
            client.send(message)
            client.send(b"x" * 10)
            process.send_signal(signal.SIGKILL)
            process.wait()
            with suppress(ConnectionResetError):
                assert client.reply() in ("", "354 Go on; end with <CRLF>.<CRLF>")
        server.wait_until_served(PATIENCE)
    assert server.log.accepted == []


@pytest.mark.parametrize("what", INJECTED)
def test_replies_that_somebody_puts_before_the_mail_servers_tls_count_for_nobody(
    what: str, tmp_path: Path
) -> None:
    fault = Fault(Step.STARTTLS, Kind.SAYS, reply=GO + INJECTED[what], times=10)
    with ScriptedServer(Settings(tls="starttls", fault=fault)) as server:
        fields = {"port": server.port, "ssl_config": "StartTLS", "ca_bundle": authority().pem}
        with RunningRelay(asset=asset_file(tmp_path, **fields)) as relay, Talk(relay.port) as client:
            hello = client.say("EHLO me.test")
            assert "evil" not in hello
            assert "AUTH" not in hello
            assert client.say("MAIL FROM:<a@x.test>").startswith("454 4.7.0 ")
    assert set(server.log.verbs()) <= {"EHLO", "STARTTLS"}
    assert server.log.accepted == []


@contextmanager
def many_descriptors(count: int) -> Iterator[int]:
    """How many connections this process may have, up to `count`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE if hard == resource.RLIM_INFINITY else min(hard, count + SPARE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield min(count, max(soft, wanted) - SPARE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def first_words(port: int, count: int) -> tuple[list[bytes], ExitStack]:
    """What so many connections at once are told first, in the order of its arrival; they stay open."""
    told: list[bytes] = []
    stack = ExitStack()
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            assert sock.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS)
            selector.register(sock, selectors.EVENT_READ)
        deadline = time.monotonic() + 90
        while len(told) < count and time.monotonic() < deadline:
            for key, _ in selector.select(1.0):
                assert isinstance(key.fileobj, socket.socket)
                told.append(key.fileobj.recv(1000))
                selector.unregister(key.fileobj)
    return told, stack


def memory_of(pid: int) -> int:
    """The most that it had at once, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_ten_thousand_connections_at_once_are_each_answered_and_those_inside_go_on(tmp_path: Path) -> None:
    with (
        ScriptedServer(Settings(lifetime=300)) as server,
        many_descriptors(CROWD) as count,
        started("--asset", asset_file(tmp_path, port=server.port), "--listen", "127.0.0.1:0") as (
            process,
            _,
            port,
        ),
        Talk(port) as inside,
    ):
        assert inside.codes(MAIL, 4)[-1] == "250"
        before = memory_of(process.pid)
        told, crowd = first_words(port, count)
        with crowd:
            assert len(told) == count
            assert sum(one.startswith(b"220 ") for one in told) == INSIDE - 1
            assert sum(one.startswith(b"421 4.7.0 ") for one in told) == count - INSIDE + 1
            assert inside.codes(MAIL, 4)[-1] == "250"
            assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < INSIDE + 50
            assert memory_of(process.pid) - before < 64 * 1024
        deadline = time.monotonic() + PATIENCE
        while not (banner := _banner(port)).startswith("220 "):
            assert time.monotonic() < deadline, banner
        assert inside.codes(MAIL, 4)[-1] == "250"
    assert len(server.log.accepted) == 3


def _banner(port: int) -> str:
    with Talk(port) as client:
        return client.banner
