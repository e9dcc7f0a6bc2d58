"""Workers of durable runs on PostgreSQL: batches are jobs of Procrastinate's, and the ledger decides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest

from delivery.pool import Pool
from host.local import database, durable, jobs, postgres
from host.local.files import DATABASE_VARIABLE, timestamp
from host.local.home import Home
from host.local.jobs_schema import SCHEMA
from host.local.worker import Worker
from tests.durable.working import AT_ONCE, add_asset, mails, number_of, rows_in, submit, wait_until, worked
from tests.host.processes import ROOT, start
from tests.real.postgresql import postgresql
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

WORK = """
import sys
from smtp_connector import POOL
from doors.cli.command_line import main
sys.exit(main(["worker"], POOL))
"""
HANGS = int(os.environ.get("HANGS", "0"))
"""How often a worker hangs; `python -m tests.kills.hanging` asks for some, which take a minute each."""
WITHIN = 60.0
"""Seconds in which a live worker has taken over what another one had."""
JOBS = f"SELECT status, queueing_lock, priority, scheduled_at FROM {SCHEMA}.procrastinate_jobs WHERE task_name = 'send'"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as address:
        yield address


@pytest.fixture
def home(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A data folder with a new database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload] # made of hexadecimal digits
    monkeypatch.setenv(DATABASE_VARIABLE, f"{server}/{name}")
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    return Home()


@contextmanager
def workers(count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Worker processes, which are killed at the end."""
    running = [start(WORK).process for _ in range(count)]
    try:
        yield running
    finally:
        for one in running:
            one.kill()
            one.communicate()


def change(home: Home, statement: str) -> None:
    with closing(database.connect(home.folder)) as connection:
        connection.execute(f"SET search_path = public, {SCHEMA}")
        connection.execute(statement)


def came_to(mail_server: ScriptedServer) -> Counter[str]:
    return Counter(message.recipients[0] for message in mail_server.log.accepted)


def settled(home: Home, number: int) -> Counter[str]:
    return Counter(mail["outcome"] for mail in home.runs.export(number))


def test_a_run_and_its_job_are_there_together_with_its_priority_and_time(home: Home) -> None:
    with ScriptedServer() as mail_server:
        add_asset(home, mail_server)
        submit(home, mails(501), priority=7)
        submit(home, mails(1), not_before="2999-01-01T00:00:00.000000Z")
    now, later = rows_in(home, f"{JOBS} ORDER BY id")
    assert now[:3] == ("todo", "run 1, mails 1 to 500", 7)
    assert later[:3] == ("todo", "run 2, mails 1 to 500", 0)
    assert later[3].year == 2999


@pytest.mark.timeout(200)
@pytest.mark.parametrize("how", [signal.SIGKILL, *[signal.SIGSTOP] * HANGS])
def test_what_a_worker_had_that_is_killed_or_hangs_a_live_one_takes_over_within_a_minute(
    home: Home, how: signal.Signals
) -> None:
    with ScriptedServer(Settings(delay=0.02, lifetime=200)) as mail_server, ExitStack() as stack:
        add_asset(home, mail_server, max_connections=1)
        number = number_of(submit(home, mails(100)))
        (gone,) = stack.enter_context(workers(1))
        wait_until(lambda: len(mail_server.log.accepted) > 10)
        gone.send_signal(how)
        since, before = time.monotonic(), len(mail_server.log.accepted)
        stack.enter_context(workers(1))
        while len(mail_server.log.accepted) < before + 5:
            assert time.monotonic() - since < WITHIN
            time.sleep(0.05)
        wait_until(lambda: home.runs.state_of(number) == "ended")
        if how == signal.SIGSTOP:
            gone.send_signal(signal.SIGCONT)
            another = number_of(submit(home, mails(30, subject="after it woke up")))
            wait_until(lambda: home.runs.state_of(another) == "ended")
            assert settled(home, another) == {"sent": 30}
            assert gone.poll() is None, "it goes on as a worker"
    outcomes = settled(home, number)
    first = [one for one in mail_server.log.accepted if b"after it woke up" not in one.content]
    came = Counter(one.recipients[0] for one in first)
    assert max(came.values()) == 1
    assert set(outcomes) <= {"sent", "unknown"}
    assert outcomes["unknown"] <= 1
    assert sum(came.values()) + outcomes["unknown"] >= 100


def test_two_workers_share_the_batches_of_a_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ROWS", 30)
    with ScriptedServer(Settings(delay=0.005, lifetime=120)) as mail_server:
        add_asset(home, mail_server, max_connections=2)
        number = number_of(submit(home, mails(240)))
        pair = [Worker(home, Pool(), lambda _text: None, patience=AT_ONCE) for _ in range(2)]
        threads = [threading.Thread(target=one.run) for one in pair]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: home.runs.state_of(number) == "ended")
        finally:
            for one in pair:
                one.stop()
            for thread in threads:
                thread.join()
    shares = [one.counted.by_state.get("sent", 0) for one in pair]
    assert sum(shares) == 240
    assert min(shares) > 0
    assert came_to(mail_server) == {f"r{n}@example.com": 1 for n in range(240)}


def test_a_job_that_was_lost_is_deferred_again_and_one_that_is_there_twice_does_no_harm(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.005)) as mail_server:
        add_asset(home, mail_server)
        submitted = submit(home, mails(60))
        change(home, f"DELETE FROM {SCHEMA}.procrastinate_jobs")
        assert {mail.state for mail in worked(home, submitted, hurries=False).mails} == {"sent"}
        again = submit(home, mails(60, subject="again"))
        change(
            home,
            f"INSERT INTO {SCHEMA}.procrastinate_jobs (queue_name, task_name, args) SELECT queue_name, task_name, args"
            f" FROM {SCHEMA}.procrastinate_jobs, generate_series(1, 3) WHERE task_name = 'send'",
        )
        assert {mail.state for mail in worked(home, again).mails} == {"sent"}
    assert came_to(mail_server) == {f"r{n}@example.com": 2 for n in range(60)}
    assert rows_in(home, JOBS) == []


def test_what_is_tried_again_is_a_job_for_then(home: Home) -> None:
    fault = Fault(Step.END, Kind.SAYS, reply=b"451 4.3.0 later\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as mail_server:
        add_asset(home, mail_server)
        number = number_of(submit(home, mails(1)))
        worker = Worker(home, Pool(), lambda _text: None)
        worker.run(lambda: bool(rows_in(home, "SELECT 1 FROM due WHERE tries = 1 AND holder = ''")))
        ((status, name, _priority, when),) = rows_in(home, JOBS)
        assert (status, name) == ("todo", f"run {number}, mails 1 to 500")
        ((due_time,),) = rows_in(home, "SELECT due_time::timestamptz FROM due")
        assert abs((when - due_time).total_seconds()) < 5
        assert due_time.timestamp() > time.time() + 10


def test_a_paused_run_has_no_work_and_a_resumed_one_its_job(home: Home) -> None:
    with ScriptedServer() as mail_server:
        add_asset(home, mail_server)
        submitted = submit(home, mails(3))
        durable.pause(home, number_of(submitted))
        worked(home, submit(home, mails(1, subject="other")))
        assert len(mail_server.log.accepted) == 1
        assert durable.resume(home, number_of(submitted)) == 3
        assert ("todo",) in rows_in(home, f"SELECT status FROM ({JOBS}) AS them")
        worked(home, submitted, hurries=False)
    assert len(mail_server.log.accepted) == 4


def test_the_most_urgent_run_goes_first_and_nothing_goes_before_its_time(home: Home) -> None:
    with ScriptedServer() as mail_server:
        add_asset(home, mail_server, max_connections=1)
        soon = timestamp(days_ago=-3 / 86_400)
        submit(home, mails(1, subject="soon"), not_before=soon)
        later = submit(home, mails(3, subject="later"))
        submit(home, mails(3, subject="urgent"), priority=5)
        worked(home, later, hurries=False)
        Worker(home, Pool(), lambda _text: None).run(lambda: home.runs.state_of(1) == "ended")
        ((began,),) = rows_in(home, "SELECT min(committed_at) FROM mail WHERE run_id = 1")
    subjects = [message_from_bytes(one.content)["Subject"] for one in mail_server.log.accepted]
    assert [subject for subject in subjects if subject != "soon"] == ["urgent"] * 3 + ["later"] * 3
    assert began >= soon


def test_runs_of_a_database_without_jobs_get_them_from_whoever_starts(home: Home) -> None:
    with ScriptedServer() as mail_server:
        add_asset(home, mail_server)
        submitted = submit(home, mails(5))
        change(home, f"DROP SCHEMA {SCHEMA} CASCADE")  # as a build before left it
        postgres._checked.clear()
        run = worked(home, submitted, hurries=False)
    assert {mail.state for mail in run.mails} == {"sent"}
    ((version,),) = rows_in(home, f"SELECT obj_description('{SCHEMA}'::regnamespace)")
    assert version


def test_many_that_start_at_once_make_the_tables_once(home: Home) -> None:
    looking = [start(LIST) for _ in range(4)]
    for one in looking:
        done = one.finish()
        assert (done.returncode, done.stderr) == (0, "")


LIST = """
from host.local.home import Home
print(Home().runs.list())
"""


def test_a_folder_of_its_own_and_a_plain_send_load_nothing_of_the_engine(tmp_path: Path) -> None:
    code = (
        "import sys, host.local.worker, host.local.durable, smtp_connector;"
        "print(sorted({'procrastinate', 'psycopg', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
