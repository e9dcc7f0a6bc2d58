"""Durable runs with PostgreSQL: machines share a database, and all holds that holds for the database of a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from delivery.pool import Pool
from host.local import database, schema
from host.local.files import DATABASE_VARIABLE, StoreError, timestamp
from host.local.home import Home
from host.local.worker import Worker
from tests.durable.conftest import SERVER
from tests.durable.working import add_asset, mails, number_of, rows_in, submit, wait_until, worked
from tests.host.processes import ROOT, start
from tests.real.postgresql import postgresql
from tests.support.catcher import Catcher
from tests.support.running import asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

OF_A_FOLDER = (
    "test_a_database_that_cannot_be_used_for_a_while_is_said_and_does_not_end_the_worker",
    "test_a_signal_at_any_moment_ends_a_worker",
    "test_one_worker_works_and_another_takes_over_when_it_is_killed",
)
"""What is about the data folder's own database, or about its single worker."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


@pytest.fixture
def address(server: str, request: pytest.FixtureRequest) -> str:
    """A new database."""
    name = f"of_{abs(hash(request.node.name))}"
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload] # made of digits
    return f"{server}/{name}"


TURNS = int(os.environ.get("TURNS", "20"))
"""Keys that two machines have at once; `python -m tests.kills.keys` asks for more."""


class Machines:
    """Two machines: each has a data folder of its own; they share the database and the key."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folders = [folder / "one", folder / "two"]
        self.monkeypatch = monkeypatch
        self.key = folder / "shared.key"

    def home(self, number: int) -> Home:
        self.monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(self.folders[number]))
        return Home()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Machines:
    machines = Machines(tmp_path, monkeypatch)
    monkeypatch.setenv(DATABASE_VARIABLE, address)
    monkeypatch.setenv("SMTP_CONNECTOR_KEY_FILE", str(machines.key))
    return machines


@pytest.mark.timeout(600)
def test_what_holds_for_the_database_of_a_folder_holds_for_postgresql(server: str) -> None:
    deselected = [f"--deselect=tests/durable/test_durable.py::{name}" for name in OF_A_FOLDER]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "tests/durable/test_durable.py", *deselected],
        cwd=ROOT,
        env={**os.environ, SERVER: server},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("module", ["test_kills.py", "test_older.py"])
def test_a_process_that_is_killed_loses_nothing_and_doubles_nothing(server: str, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"tests/durable/{module}"],
        cwd=ROOT,
        env={"STATEMENTS": "2", **os.environ, SERVER: server},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_what_one_machine_submits_another_one_sends(machines: Machines) -> None:
    with ScriptedServer() as mail_server:
        submitted = submit_from(machines.home(0), mail_server)
        run = worked(machines.home(1), submitted)
    assert [mail.state for mail in run.mails] == ["sent"] * 5
    assert len(mail_server.log.accepted) == 5
    assert not (machines.folders[1] / "store.db").exists()


def submit_from(home: Home, mail_server: Any) -> Any:
    add_asset(home, mail_server)
    return submit(home, mails(5))


def test_a_machine_with_another_key_is_told_so_at_its_start(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.home(0).runs.list()
    monkeypatch.setenv("SMTP_CONNECTOR_KEY_FILE", str(tmp_path / "another.key"))
    done = start(COMMAND, "worker").finish()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is used with another key" in done.stderr
    assert "SMTP_CONNECTOR_KEY_FILE" in done.stderr


COMMAND = """
import sys
from delivery.pool import Pool
from doors.cli.command_line import main
sys.exit(main(sys.argv[1:], Pool()))
"""

SEND = """
import json, sys
from smtp_connector import act
fields, count = json.loads(sys.argv[1]), int(sys.argv[2])
for n in range(count):
    sys.stdin.readline()
    mail = {"to": f"r{n}@example.com", "body": "x", "idempotency_key": f"key {n}"}
    print(act("send email", mail, fields)[0].outcome, flush=True)
"""


def test_two_machines_with_the_same_key_at_once_send_one_mail(machines: Machines) -> None:
    count = TURNS
    with Catcher() as catcher:
        racers = []
        for number in range(2):
            machines.home(number)
            racers.append(start(SEND, json.dumps(asset(catcher)), count).process)
        for _ in range(count):
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write("\n")
                racer.stdin.flush()
            for racer in racers:
                assert racer.stdout is not None
                assert racer.stdout.readline()
        for racer in racers:
            assert racer.communicate()[1] == ""
        came = Counter(message.rcpt_tos[0] for message in catcher.messages)
    assert came == {f"r{n}@example.com": 1 for n in range(count)}


SUBMIT_AND_WORK = """
import sys
from delivery.pool import Pool
from host.local import durable
from host.local.home import Home
from tests.durable.working import number_of, submit
from host.local.worker import Worker
from host.local.retry import Patience
count, home = int(sys.argv[1]), Home()
sets = [{"to": f"r{n}@example.com", "body": "x", "idempotency_key": f"key {n}"} for n in range(count)]
sys.stdin.readline()
number = number_of(submit(home, sets))
worker = Worker(home, Pool(), lambda text: None, patience=Patience(waits=(0.0,) * 4))
worker.run(lambda: home.runs.state_of(number) == "ended")
"""


def test_two_machines_that_submit_the_same_rows_at_once_send_each_once(machines: Machines) -> None:
    with Catcher() as catcher:
        add_asset(machines.home(0), catcher)
        racers = []
        for number in range(2):
            machines.home(number)
            racers.append(start(SUBMIT_AND_WORK, TURNS))
        for racer in racers:
            assert racer.process.stdin is not None
            racer.process.stdin.write("\n")
            racer.process.stdin.flush()
        for racer in racers:
            done = racer.finish(300)
            assert (done.returncode, done.stderr) == (0, "")
        came = Counter(message.rcpt_tos[0] for message in catcher.messages)
    assert came == {f"r{n}@example.com": 1 for n in range(TURNS)}
    runs = machines.home(0).runs
    outcomes = [[mail["outcome"] for mail in runs.export(entry.id)] for entry in runs.list()]
    assert outcomes == [["sent"] * TURNS] * 2, "the second one has the first one's results"


def test_a_server_that_cannot_be_reached_and_an_address_that_is_none_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    said = {
        "postgresql+psycopg://me:canary-password@127.0.0.1:1/mails": "The database mails on 127.0.0.1 can't be used",
        "mysql://canary-password@host/mails": "SMTP_CONNECTOR_DATABASE has to be postgresql+psycopg://",
    }
    for address, error in said.items():
        monkeypatch.setenv(DATABASE_VARIABLE, address)
        done = start(COMMAND, "runs", "list").finish()
        assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
        assert error in done.stderr
        assert "canary" not in done.stderr


def test_a_database_of_a_newer_version_is_refused(machines: Machines, address: str) -> None:
    home = machines.home(0)
    with closing(database.connect(home.folder)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of next year'")
    done = start(COMMAND, "runs", "list").finish()
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "made by a newer version" in done.stderr
    with pytest.raises(StoreError, match="newer version"):
        _fresh(home)
    with closing(psycopg.connect(address.replace("+psycopg", ""))) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("of next year",)
    assert schema.REVISION != "of next year"


def _fresh(home: Home) -> None:
    """As a process that starts would connect."""
    from host.local import postgres

    postgres._checked.clear()
    database.connect(home.folder).close()


# A machine whose clock is off by so many seconds: every way in which the program asks for the time.
SKEWED = """
import datetime, sys, time
import host.local.files as files
off, true_time = float(sys.argv[1]), time.time

class Skewed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(true_time() + off, tz)

files.datetime = Skewed
time.time = lambda: true_time() + off
from delivery.pool import Pool
from doors.cli.command_line import main
sys.exit(main(sys.argv[2:], Pool()))
"""


@pytest.mark.parametrize("off", [-600, 600])
def test_a_worker_whose_clock_is_off_by_minutes_sends_nothing_early_or_late(
    machines: Machines, off: int
) -> None:
    home = machines.home(0)
    with ScriptedServer(Settings(lifetime=120)) as mail_server:
        add_asset(home, mail_server)
        later = submit(home, mails(2), not_before=timestamp(days_ago=-300 / 86_400))
        submit(home, mails(5, subject="at once"))
        worker = start(SKEWED, off, "worker").process
        try:
            wait_until(lambda: len(mail_server.log.accepted) == 5)
            assert home.runs.state_of(number_of(later)) == "running"
            rows_in(home, "UPDATE due SET due_time = '2000' RETURNING 1")  # five minutes later
            wait_until(lambda: home.runs.state_of(number_of(later)) == "ended")
        finally:
            worker.kill()
            worker.communicate()
    assert len(mail_server.log.accepted) == 7


def test_what_is_to_be_sent_again_is_due_at_once_whatever_the_clock_of_who_says_so(
    machines: Machines,
) -> None:
    home = machines.home(0)
    with ScriptedServer(
        Settings(fault=Fault(Step.END, Kind.CLOSE, acted=False), lifetime=120)
    ) as mail_server:
        add_asset(home, mail_server)
        submitted = submit(home, mails(1, body="x" * 5000))
        assert worked(home, submitted).mails[0].state == "unknown"
        words = ("runs", "resolve", number_of(submitted), 1, "--as", "send-again")
        done = start(SKEWED, 600, *words).finish()
        assert (done.returncode, done.stderr) == (0, "")
        run = worked(home, submitted, hurries=False)
    assert run.mails[0].state == "sent"
    assert len(mail_server.log.accepted) == 1


def test_how_long_a_run_is_tried_does_not_depend_on_the_clock_of_who_submits_it(
    machines: Machines, tmp_path: Path
) -> None:
    home = machines.home(0)
    fault = Fault(Step.END, Kind.SAYS, reply=b"451 4.3.0 later\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault, lifetime=120)) as mail_server:
        add_asset(home, mail_server)
        parameters = tmp_path / "mails.jsonl"
        parameters.write_text(json.dumps(mails(1)[0]) + "\n")
        words = ("submit", "send email", "--asset", "prod", "--params", parameters, "--give-up-after", "30m")
        done = start(SKEWED, -3600, *words).finish()
        assert (done.returncode, done.stderr) == (0, "")
        Worker(home, Pool(), lambda _text: None).run(
            lambda: bool(
                rows_in(
                    home, "SELECT 1 FROM mail WHERE attempts > 0 AND state NOT IN ('claimed', 'committed')"
                )
            )
        )
        assert rows_in(home, "SELECT tries FROM due WHERE holder = ''") == [(1,)], "it is tried again"


def test_two_workers_whose_clocks_differ_take_nothing_from_each_other(machines: Machines) -> None:
    home = machines.home(0)
    with ScriptedServer(Settings(delay=0.01, lifetime=120)) as mail_server:
        add_asset(home, mail_server, max_connections=2)
        number = number_of(submit(home, mails(300)))
        workers = [start(SKEWED, off, "worker").process for off in (-600, 600)]
        try:
            wait_until(lambda: home.runs.state_of(number) == "ended")
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
        came = Counter(message.recipients[0] for message in mail_server.log.accepted)
    assert came == {f"r{n}@example.com": 1 for n in range(300)}
    assert {mail["outcome"] for mail in home.runs.export(number)} == {"sent"}
