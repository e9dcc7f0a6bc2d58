"""`submit`, `worker` and `runs …` as people call them: what they print, and the exit codes."""

from __future__ import annotations

import json
import signal
import socket
import struct
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from delivery.pool import Pool
from doors.cli.command_line import main
from host.local import database
from host.local.files import as_timestamp
from host.local.health import metrics
from host.local.home import Home
from host.local.worker import Worker
from tests.durable.working import add_asset, mails, wait_until
from tests.host.processes import start
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step


class Called:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Called:
    code = main(arguments, Pool())
    return Called(code, *capsys.readouterr())


def file_of(tmp_path: Path, *sets: Any) -> str:
    path = tmp_path / "mails.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in sets))
    return str(path)


def test_a_run_is_submitted_sent_and_exported(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        params = file_of(tmp_path, *mails(3))
        told = call(capsys, "submit", "send email", "--asset", "prod", "--params", params, "--wait")
    assert (told.code, told.document) == (0, {"run_id": 1, "rows": 3, "refused": []})
    assert "Run 1: 3 of 3 succeeded." in told.err
    exported = call(capsys, "runs", "export", "1").out.splitlines()
    assert [json.loads(line)["outcome"] for line in exported] == ["sent"] * 3
    shown = call(capsys, "runs", "show", "1").document
    assert (shown["state"], shown["progress"]["counts"]) == ("ended", {"sent": 3})
    assert len(server.log.accepted) == 3


def test_refused_rows_are_named_and_make_the_exit_code(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        params = file_of(tmp_path, *mails(1), {"to": 5}, *mails(1))
        arguments = ("submit", "send email", "--asset", "prod", "--params", params)
        some = call(capsys, *arguments)
        nothing = call(capsys, *arguments, "--all-or-nothing")
    assert (some.code, some.document["rows"]) == (1, 2)
    assert [one["line"] for one in some.document["refused"]] == [2]
    assert "line 2: to: 5 is not allowed" in some.err
    assert (nothing.code, nothing.document["run_id"], nothing.document["rows"]) == (2, None, 0)
    assert len(home.runs.list()) == 1


def test_what_was_not_sent_is_in_the_exit_code_of_who_waits(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ((b"550 5.1.1 no\r\n", 1), (None, 4))
    for reply, code in said:
        fault = (
            Fault(Step.RCPT, Kind.SAYS, reply=reply, acted=False) if reply else Fault(Step.END, Kind.CLOSE)
        )
        with ScriptedServer(Settings(fault=fault)) as server:
            add_asset(home, server, f"asset{code}")
            params = file_of(tmp_path, *mails(1))
            told = call(
                capsys, "submit", "send email", "--asset", f"asset{code}", "--params", params, "--wait"
            )
        assert told.code == code


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("--not-before", "tomorrow"), "'tomorrow' is no time"),
        (("--give-up-after", "soon"), "'soon' is no duration"),
        (("--params", "missing.jsonl"), "can't be read"),
        (("--params", "[]"), "nothing to do"),
        (("--asset", "another"), "There is no asset 'another'"),
        (("--asset", "./asset.json"), "A file has to be stored first: asset add NAME --config FILE."),
        (("--priority", "high"), "'high' is not a whole number of at most"),
        (("--priority", "9" * 20), "is not a whole number of at most"),
        (("--not-before", "0001-01-01T00:00:00+14:00"), "is no time"),
        (("--give-up-after", "²h"), "is no duration"),
        (("--give-up-after", "9" * 400 + "d"), "is no duration"),
    ],
)
def test_a_wrong_call_is_one_line(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], error: str
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
    params = file_of(tmp_path, *mails(1))
    told = call(capsys, "submit", "send email", "--asset", "prod", "--params", params, *more)
    assert (told.code, told.out) == (2, "")
    assert error in told.err
    assert told.err.count("\n") == 1
    assert home.runs.list() == ()


@pytest.mark.parametrize(
    "command",
    [
        "show {}",
        "export {}",
        "pause {}",
        "cancel {}",
        "resume {}",
        "resolve {} 1 --as sent",
        "resolve 1 {} --as sent",
    ],
)
@pytest.mark.parametrize("number", ["9" * 20, "9" * 5000, "2147483648", "one", "1e3"])
def test_a_number_that_no_run_can_have_is_one_line(
    home: Home, capsys: pytest.CaptureFixture[str], command: str, number: str
) -> None:
    told = call(capsys, "runs", *command.format(number).split())
    assert (told.code, told.out) == (2, "")
    assert "is not a whole number of at most 2147483647" in told.err
    assert told.err.count("\n") == 1
    assert not home.folder.exists()


def test_runs_are_paused_resumed_and_cancelled(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
    call(capsys, "submit", "send email", "--asset", "prod", "--params", file_of(tmp_path, *mails(2)))
    assert call(capsys, "runs", "pause", "1").document == {"id": 1, "state": "paused"}
    assert call(capsys, "runs", "resume", "1").document == {"id": 1, "state": "running", "mails": 2}
    assert call(capsys, "runs", "cancel", "1").document == {"id": 1, "state": "cancelled", "mails": 2}
    refused = call(capsys, "runs", "pause", "1")
    assert (refused.code, "it can't be paused" in refused.err) == (2, True)
    assert call(capsys, "runs", "cancel", "7").code == 2


WORKER = """
import sys
from smtp_connector import POOL
from doors.cli.command_line import main
sys.exit(main(["worker", "--health", "127.0.0.1:0"], POOL))
"""


def test_a_worker_tells_whether_it_is_well_and_what_it_does(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        params = file_of(tmp_path, *mails(2))
        call(capsys, "submit", "send email", "--asset", "prod", "--params", params)
        worker = start(WORKER)
        assert worker.process.stderr is not None
        port = int(worker.process.stderr.readline().rpartition(" ")[2].rstrip(".\n"))
        wait_until(lambda: home.runs.state_of(1) == "ended")
        health = json.loads(got(port, "/healthz"))
        metrics = got(port, "/metrics")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            got(port, "/secret.key")
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.sendall(b"GET /hea")
            client.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # gone without a word
        got(port, "/healthz")
        worker.process.send_signal(signal.SIGTERM)
        ended = worker.finish()
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert health == {"status": "working", "fault": ""}
    assert 'smtp_connector_mails_total{outcome="sent"} 2' in metrics
    assert "smtp_connector_worker_working 1" in metrics
    assert 'smtp_connector_runs{state="ended"} 1' in metrics
    assert "smtp_connector_mails_waiting 0" in metrics


def test_how_long_a_mail_has_been_due_goes_by_the_databases_clock(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
    call(capsys, "submit", "send email", "--asset", "prod", "--params", file_of(tmp_path, *mails(2)))

    def told(now: float) -> list[str]:
        monkeypatch.setattr("host.local.health.database_timestamp", lambda _: as_timestamp(now))
        lines = metrics(Worker(home, Pool(), print), home)[2].splitlines()
        return [line for line in lines if line.startswith(("smtp_connector_mails_due", "smtp_connector_old"))]

    with closing(database.connect(home.folder)) as connection:
        connection.execute("UPDATE due SET due_time = ?", (as_timestamp(1_800_000_000),))
    assert told(1_800_000_090) == ["smtp_connector_mails_due 2", "smtp_connector_oldest_due_seconds 90.0"]
    assert told(1_799_999_990) == ["smtp_connector_mails_due 0", "smtp_connector_oldest_due_seconds 0.0"]
    with closing(database.connect(home.folder)) as connection:
        connection.execute("UPDATE due SET holder = 'somebody'")
    assert told(1_800_000_090) == ["smtp_connector_mails_due 0", "smtp_connector_oldest_due_seconds 0.0"]


def got(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text


def test_an_address_that_cannot_be_listened_on_is_said(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    told = call(capsys, "worker", "--health", "8081")
    assert (told.code, "is not HOST:PORT" in told.err) == (2, True)
