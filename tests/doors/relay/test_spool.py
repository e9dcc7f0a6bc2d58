"""`relay --spool`: 250 says that the mail is in the ledger; a worker sends it, also after the relay was killed."""

from __future__ import annotations

import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from delivery.pool import Pool
from host.local import database
from host.local.files import StoreError
from host.local.home import Home
from host.local.worker import Worker
from tests.doors.relay.test_command import refused, started
from tests.support.catcher import Catcher
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.running import asset
from tests.support.scripted import ScriptedServer, Settings

ENVELOPE = b"MAIL FROM:<a@x.test> BODY=8BITMIME\r\nRCPT TO:<b@x.test>\r\n"
HEADER = b"Message-ID: <1@x.test>\r\nDate: Mon, 2 Mar 2026 08:00:00 +0000\r\nBcc: <nobody@x.test>\r\n"


@pytest.fixture
def home() -> Home:
    return Home()


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def states(home: Home) -> list[str]:
    """What became of each mail, in the order of their runs."""
    if not home.exists:
        return []
    with closing(database.connect(home.folder)) as connection:
        return [str(state) for (state,) in connection.execute("SELECT state FROM mail").fetchall()]


def test_a_mail_is_sent_as_it_was_given_with_the_envelope_that_was_given(home: Home) -> None:
    content = HEADER + b"To: <somebody.else@x.test>\r\n\r\n.caf\xe9\r\n" + b"x" * 900 + b"\r\n"
    with Catcher() as server:
        home.assets.add("prod", asset(server))
        with RunningRelay(asset="prod", spool=True) as relay, Talk(relay.port) as client:
            wire = (
                ENVELOPE + b"RCPT TO:<c@y.test>\r\nDATA\r\n" + content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
            )
            *_, last = client.replies(wire, 5)
            assert last.startswith("250 2.0.0 Taken as run 1;")
            assert "spooled as run 1" in relay.heard.wait_for("mail <1@x.test> from <a@x.test>")
            wait_until(lambda: bool(server.messages), "the mail to be sent")
            wait_until(lambda: states(home) == ["sent"], "the result to be written down")
    (caught,) = server.messages
    assert (caught.mail_from, caught.rcpt_tos) == ("a@x.test", ("b@x.test", "c@y.test"))
    assert caught.content.endswith(content)
    assert caught.content.startswith(b"Received: from ")


def test_a_bounce_has_no_sender_and_keeps_none(home: Home) -> None:
    with Catcher() as server:
        home.assets.add("prod", asset(server))
        with RunningRelay(asset="prod", spool=True) as relay, Talk(relay.port) as client:
            wire = b"MAIL FROM:<>\r\nRCPT TO:<b@x.test>\r\nBDAT 17 LAST\r\nSubject: x\r\n\r\nx\r\n"
            assert client.codes(wire, 3) == ["250", "250", "250"]
            wait_until(lambda: states(home) == ["sent"], "the mail to be sent")
    assert server.messages[0].mail_from in ("", "<>", None)


def test_what_the_mail_server_can_not_take_now_is_accepted_and_waits(home: Home) -> None:
    with ScriptedServer() as server:
        port = server.port
    home.assets.add("prod", {"server": "127.0.0.1", "port": port, "ssl_config": "None"})
    with RunningRelay(asset="prod", spool=True) as relay, Talk(relay.port) as client:
        hello = client.say("EHLO me.test")
        assert "8BITMIME" in hello
        assert "DSN" not in hello
        assert client.codes(ENVELOPE + b"DATA\r\n" + HEADER + b"\r\nx\r\n.\r\n", 4)[-1] == "250"
    assert states(home) == ["waiting"]


def test_who_is_refused_by_the_mail_server_is_in_the_run(home: Home) -> None:
    settings = Settings(refused={"c@y.test": "550 5.1.1 nobody of that name"})
    with ScriptedServer(settings) as server:
        home.assets.add("prod", {"server": "127.0.0.1", "port": server.port, "ssl_config": "None"})
        with RunningRelay(asset="prod", spool=True) as relay, Talk(relay.port) as client:
            wire = ENVELOPE + b"RCPT TO:<c@y.test>\r\nDATA\r\n" + HEADER + b"\r\nx\r\n.\r\n"
            assert client.codes(wire, 5)[-1] == "250"
            wait_until(lambda: states(home) == ["partly sent"], "the mail to be sent")
    (row,) = home.runs.export(1)
    assert "nobody of that name" in str(row)


def test_a_message_that_is_not_complete_is_not_kept(home: Home) -> None:
    home.assets.add("prod", {"server": "127.0.0.1", "port": 1, "ssl_config": "None"})
    with RunningRelay(asset="prod", spool=True) as relay:
        with Talk(relay.port) as client:
            assert client.codes(ENVELOPE + b"DATA\r\n", 3)[-1] == "354"
            client.send(HEADER + b"\r\nand then the line bre")
        relay.heard.wait_for("the client went away")
        with Talk(relay.port) as client:
            assert client.codes(ENVELOPE + b"DATA\r\n" + HEADER + b"\r\na\nb\r\n.\r\n", 4)[-1] == "550"
    assert home.runs.list() == ()


def test_what_can_not_be_written_down_is_not_accepted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("No space left on device.")

    home.assets.add("prod", {"server": "127.0.0.1", "port": 1, "ssl_config": "None"})
    with RunningRelay(asset="prod", spool=True) as relay, Talk(relay.port) as client:
        monkeypatch.setattr("host.local.durable.submit", full)
        *_, last = client.replies(ENVELOPE + b"DATA\r\n" + HEADER + b"\r\nx\r\n.\r\n", 4)
        assert last.startswith("452 4.3.1 ")
        assert "No space left" in relay.heard.wait_for("could not be written down")


def test_a_mail_that_is_larger_than_what_is_offered_is_refused_before_and_behind(home: Home) -> None:
    home.assets.add("prod", {"server": "127.0.0.1", "port": 1, "ssl_config": "None"})
    with RunningRelay(asset="prod", spool=True, transcript=False) as relay, Talk(relay.port) as client:
        assert "SIZE 33554432" in client.say("EHLO me.test")
        assert client.say("MAIL FROM:<a@x.test> SIZE=33554433").startswith("552 ")
        line = b"x" * 998 + b"\r\n"
        client.send(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\n")
        for _ in range(34):
            client.send(line * 1000)
        client.send(b".\r\n")
        assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "354", "552"]
    assert home.runs.list() == ()


def test_only_a_stored_asset_can_be_spooled_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(capsys, "--asset", asset_file(tmp_path, port=1), "--spool")
    assert (code, "--spool needs a stored asset" in said) == (2, True)
    code, said = refused(capsys, "--destinations", str(tmp_path), "--spool")
    assert (code, "--spool needs a stored asset" in said) == (2, True)


def test_no_mail_that_was_accepted_is_lost_or_doubled_when_the_relay_is_killed(home: Home) -> None:
    """Whom 250 was said to need not come again; the mail server's own account says what it got."""
    told: list[str] = []

    def send(port: int, client: int) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as session:
                for number in range(1000):
                    name = f"mail-{client}-{number}"
                    session.sendmail("a@x.test", ["b@x.test"], f"Subject: {name}\r\n\r\nx\r\n")
                    told.append(name)
        except (OSError, smtplib.SMTPException):
            return  # killed

    with ScriptedServer() as server:
        home.assets.add("prod", {"server": "127.0.0.1", "port": server.port, "ssl_config": "None"})
        for round_ in range(3):
            enough = 10 * (round_ + 1)
            with started("--asset", "prod", "--spool", "--listen", "127.0.0.1:0") as (process, _, port):
                clients = [threading.Thread(target=send, args=(port, round_ * 4 + n)) for n in range(4)]
                for client in clients:
                    client.start()
                wait_until(lambda enough=enough: len(told) >= enough, "mails to be accepted")  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
                process.wait()
                for client in clients:
                    client.join()
        home.runs.list()  # whoever looks takes away what was not submitted to its end: nobody was told 250 for that
        worker = Worker(home, Pool(), lambda _line: None)
        working = threading.Thread(target=worker.run)
        working.start()
        try:
            wait_until(
                lambda: not {"waiting", "claimed", "committed"} & set(states(home)), "every mail to be sent"
            )
        finally:
            worker.stop()
            working.join()
    subjects = Counter(
        one.content.partition(b"Subject: ")[2].split(b"\r\n")[0].decode() for one in server.log.accepted
    )
    assert max(subjects.values()) == 1
    unknown = states(home).count("unknown")
    assert len(set(told) - subjects.keys()) <= unknown
    assert set(states(home)) <= {"sent", "unknown"}
