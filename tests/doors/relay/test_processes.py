"""`relay --processes`: several processes serve as one relay, with its limits, and one that dies is replaced."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from doors.relay.accounts import made
from host.local import database
from host.local.home import Home
from tests.doors.relay.test_command import refused, started
from tests.support.authority import authority
from tests.support.catcher import Catcher
from tests.support.relays import PATIENCE, Talk, asset_file
from tests.support.running import asset
from tests.support.scripted import ScriptedServer, Settings

ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
MAIL = ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n"
SENT = ["250", "250", "354", "250"]
CLIENTS = 250


class Several:
    """A relay of two processes that was started. `said` is its log so far."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.said, PATIENCE), self.said

    def pids(self) -> list[int]:
        """The processes that serve, in the order in which they were begun."""
        parent = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def stop(self) -> int:
        """As SIGTERM does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self._listening.join(PATIENCE * 2)  # until all processes have closed standard error
        return self.process.wait(PATIENCE)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()


@contextmanager
def several(*arguments: str) -> Iterator[Several]:
    with started(*arguments, "--listen", "127.0.0.1:0", "--processes", "2") as (process, _, port):
        relay = Several(process, port)
        try:
            yield relay
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE * 2)


def ended(pid: int) -> bool:
    """Waits for it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def ids(server: Catcher) -> list[str]:
    """The name that the relay gave each mail."""
    return [re.findall(r"with E?SMTP id (\S+);", mail.content.decode())[0] for mail in server.messages]


def test_both_processes_serve_and_no_two_mails_have_one_name(tmp_path: Path) -> None:
    with Catcher() as server, several("--asset", asset_file(tmp_path, port=server.port)) as relay:
        with ExitStack() as stack:
            clients = [stack.enter_context(Talk(relay.port)) for _ in range(4)]
            for _ in range(3):
                for client in clients:
                    assert client.codes(MAIL, 4) == SENT
        assert relay.stop() == 0
    names = ids(server)
    assert len(set(names)) == 12
    assert Counter(name.partition("-")[0] for name in names) == {"0": 6, "1": 6}
    assert relay.said.count("1 of 1 recipients, 21 octets: sent (250") == 12


def test_a_process_that_dies_is_told_and_replaced_and_the_others_do_not_feel_it(tmp_path: Path) -> None:
    with Catcher() as server, several("--asset", asset_file(tmp_path, port=server.port)) as relay:
        with Talk(relay.port) as first, Talk(relay.port) as second:
            time.sleep(1.1)  # who dies as soon as it has begun is replaced a second later
            before = relay.pids()
            assert first.codes(ENVELOPE, 2) == ["250", "250"]
            os.kill(before[1], signal.SIGKILL)
            assert second.is_closed
            relay.wait_for("was ended by signal 9, and 1 client lost the connection; another takes its place")
            assert first.codes(b"DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n", 2) == ["354", "250"]
            with Talk(relay.port) as third:
                assert third.codes(MAIL, 4) == SENT
        assert len(relay.pids()) == 2
        assert set(relay.pids()) & set(before) == {before[0]}
        assert relay.stop() == 0
    assert [name.partition("-")[0] for name in ids(server)] == ["0", "1"]


def test_sigterm_lets_the_mails_of_all_processes_come_to_their_end(tmp_path: Path) -> None:
    with Catcher() as server, several("--asset", asset_file(tmp_path, port=server.port)) as relay:
        with Talk(relay.port) as first, Talk(relay.port) as second, Talk(relay.port) as idle:
            for client in (first, second):
                assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
            assert idle.say("NOOP").startswith("250")
            pids = relay.pids()
            relay.process.send_signal(signal.SIGTERM)
            assert idle.reply().startswith("421 4.3.2 ")
            for client in (first, second):
                assert client.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
                assert client.reply().startswith("421 4.3.2 ")
        assert relay.process.wait(PATIENCE) == 0
        assert all(ended(pid) for pid in pids)
    assert len(server.messages) == 2
    assert "cut off" not in relay.said


def test_a_relay_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with Catcher() as server, several("--asset", asset_file(tmp_path, port=server.port)) as relay:
        with Talk(relay.port) as client:
            assert client.codes(ENVELOPE + b"DATA\r\n", 3) == ["250", "250", "354"]
            pids = relay.pids()
            relay.process.kill()
            assert client.say("Subject: x\r\n\r\nx\r\n.").startswith("250")
        assert all(ended(pid) for pid in pids)
    assert len(server.messages) == 1


def test_the_limit_of_clients_holds_over_all_processes(tmp_path: Path) -> None:
    with (
        Catcher() as server,
        several("--asset", asset_file(tmp_path, port=server.port)) as relay,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(Talk(relay.port)) for _ in range(CLIENTS)]
        assert all(client.banner.startswith("220 ") for client in clients)
        with Talk(relay.port) as surplus:
            assert surplus.banner.startswith("421 4.7.0 Too many connections")
        clients[0].say("QUIT")
        assert clients[0].is_closed
        deadline = time.monotonic() + PATIENCE
        while True:
            with Talk(relay.port) as other:
                if other.banner.startswith("220 "):
                    break
            assert time.monotonic() < deadline, "no room was made"
        assert clients[1].codes(MAIL, 4) == clients[2].codes(MAIL, 4) == SENT


def test_the_connections_of_a_mailbox_are_shared_by_the_processes(tmp_path: Path) -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "pw"})
    with ScriptedServer(settings) as server:
        login = asset_file(tmp_path, port=server.port, username="ann", password="pw", max_connections=1)
        with several("--asset", login) as relay, Talk(relay.port) as one, Talk(relay.port) as other:
            assert one.codes(ENVELOPE, 2) == ["250", "250"]
            other.send(ENVELOPE)
            assert one.codes(MAIL[len(ENVELOPE) :], 2) == ["354", "250"]
            assert [other.reply()[:3] for _ in range(2)] == ["250", "250"]
            assert server.log.connections == 2
            one.send(ENVELOPE)
            assert other.codes(MAIL[len(ENVELOPE) :], 2) == ["354", "250"]
            assert [one.reply()[:3] for _ in range(2)] == ["250", "250"]
            assert server.log.connections == 3
    assert len(server.log.accepted) == 2


def test_a_mailboxs_pace_holds_over_all_processes(tmp_path: Path) -> None:
    settings = Settings(auth=("PLAIN",), logins={"ann": "pw"})
    with ScriptedServer(settings) as server:
        login = asset_file(tmp_path, port=server.port, username="ann", password="pw", messages_per_minute=6)
        with several("--asset", login) as relay, Talk(relay.port) as first, Talk(relay.port) as second:
            assert first.codes(MAIL, 4) == SENT
            assert second.say("MAIL FROM:<a@x.test>").startswith("451 4.7.0 ")
    assert len(server.log.accepted) == 1


def test_what_both_processes_spool_is_sent_once(tmp_path: Path) -> None:
    home = Home()
    with Catcher() as server:
        home.assets.add("prod", asset(server))
        with several("--asset", "prod", "--spool") as relay:
            with Talk(relay.port) as first, Talk(relay.port) as second:
                for client in (first, second, first, second):
                    assert client.replies(MAIL, 4)[-1].startswith("250 2.0.0 Taken as run ")
            deadline = time.monotonic() + PATIENCE
            while len(server.messages) < 4 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert relay.stop() == 0
    with closing(database.connect(home.folder)) as connection:
        states = [state for (state,) in connection.execute("SELECT state FROM mail").fetchall()]
    assert states == ["sent"] * 4
    assert len(server.messages) == 4


def test_tls_and_accounts_are_those_of_all_processes(tmp_path: Path) -> None:
    trusted = authority()
    certificate, accounts = tmp_path / "relay.pem", tmp_path / "accounts"
    issued = trusted.issue("localhost")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    certificate.write_bytes(issued.private_key_pem.bytes() + chain)
    accounts.write_text(made("ann", "secret") + "\n")
    with Catcher() as server:
        source = asset_file(tmp_path, port=server.port)
        tls = ("--tls-cert", str(certificate), "--accounts", str(accounts))
        with several("--asset", source, *tls) as relay, ExitStack() as stack:
            for _ in range(2):
                client = stack.enter_context(smtplib.SMTP("localhost", relay.port, timeout=PATIENCE))
                client.starttls(context=trusted.client())
                client.login("ann", "secret")
                client.sendmail("a@x.test", ["b@x.test"], b"Subject: x\r\n\r\nx\r\n")
    assert re.findall(r"with (\S+) id (.)-", "".join(mail.content.decode() for mail in server.messages)) == [
        ("ESMTPSA", "0"),
        ("ESMTPSA", "1"),
    ]


@pytest.mark.parametrize("number", ["0", "-1", "65"])
def test_a_number_of_processes_that_makes_no_sense_is_refused(
    number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = refused(capsys, "--asset", asset_file(tmp_path, port=9), "--processes", number)
    assert code == 2
    assert said.endswith(f"--processes {number}: give a number from 1 to 64.")
