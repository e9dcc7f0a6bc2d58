"""Workers of durable runs on PostgreSQL when much happens at once, and when the server goes away."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest

from actions.report import unfinished
from delivery.pool import Pool
from host.local import database, due, durable, holders, jobs, work
from host.local.files import DATABASE_VARIABLE, StoreError
from host.local.home import Home
from host.local.sql import Connection, take_turn, transaction
from host.local.worker import Worker
from host.local.writer import Counted
from smtp.errors import Category, MailError
from smtp.outcome import Outcome
from tests.durable.working import AT_ONCE, add_asset, mails, number_of, rows_in, submit, wait_until, worked
from tests.host.processes import start
from tests.real.test_engine import WORK, came_to, home, server, settled
from tests.support.ledgers import ASSET, attempt
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

__all__ = ["home", "server"]


class Several:
    """Workers in threads of this process, as long as the `with` lasts, and what they told."""

    def __init__(self, home: Home, count: int, **more: int) -> None:
        self.told: list[str] = []
        self.workers = [
            Worker(home, Pool(), self.told.append, patience=AT_ONCE, **more) for _ in range(count)
        ]
        self._threads = [threading.Thread(target=one.run) for one in self.workers]

    def __enter__(self) -> Several:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for one in self.workers:
            one.stop()
        for thread in self._threads:
            thread.join()


@pytest.mark.timeout(120)
def test_people_may_cancel_pause_and_resume_a_run_while_workers_claim_its_mails(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS", 30)
    monkeypatch.setattr(work, "BATCH", 10)
    chance = random.Random(17)
    with ScriptedServer(Settings(delay=0.005, lifetime=110)) as mail_server, ExitStack() as stack:
        add_asset(home, mail_server, max_connections=4)
        number = number_of(submit(home, mails(200)))
        several = stack.enter_context(Several(home, 2))
        faults: list[str] = []
        is_over = threading.Event()

        def change() -> None:
            while not is_over.is_set():
                for what in (chance.choice([durable.cancel, durable.pause]), durable.resume):
                    try:
                        what(home, number)
                    except StoreError as error:
                        if "Nothing was changed." not in str(error) or "can't be used" in str(error):
                            faults.append(str(error))
                    time.sleep(chance.random() * 0.05)

        people = [threading.Thread(target=change) for _ in range(3)]
        for one in people:
            one.start()
        time.sleep(4)
        is_over.set()
        for one in people:
            one.join()
        if home.runs.state_of(number) in ("paused", "cancelled"):
            durable.resume(home, number)
        wait_until(lambda: home.runs.state_of(number) == "ended")
    assert (faults, several.told) == ([], [])
    assert settled(home, number) == {"sent": 200}
    assert came_to(mail_server) == Counter({f"r{n}@example.com": 1 for n in range(200)})


@pytest.mark.timeout(120)
def test_what_is_known_is_written_down_when_the_server_ends_all_connections_amid_a_run(
    home: Home, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = os.environ[DATABASE_VARIABLE].replace("tester@", "tester:nobodys-business@")
    monkeypatch.setenv(DATABASE_VARIABLE, address)
    with ScriptedServer(Settings(delay=0.01, lifetime=110)) as mail_server:
        add_asset(home, mail_server)
        number = number_of(submit(home, mails(200)))
        worker = start(WORK)
        try:
            for count in (20, 60, 100):
                wait_until(lambda count=count: len(mail_server.log.accepted) > count)
                with psycopg.connect(
                    f"{server.replace('+psycopg', '')}/postgres", autocommit=True
                ) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                        (address.rpartition("/")[2],),
                    )
            wait_until(lambda: home.runs.state_of(number) == "ended")
        finally:
            worker.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            done = worker.finish()
    came, told = came_to(mail_server), list(home.runs.export(number))
    assert max(came.values()) == 1
    assert {mail["outcome"] for mail in told} <= {"sent", "unknown"}
    # Unknown is one whose commitment was cut off, and which therefore never left.
    assert {mail["recipients"][0] for mail in told if mail["outcome"] == "sent"} == set(came)
    assert len(told) == 200
    assert done.returncode == 0
    assert time.monotonic() - began < 10
    assert "nobodys-business" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len([line for line in lines if "is not recorded yet" in line]) <= 3, lines
    assert len(lines) <= 20, lines


@contextmanager
def taken_meanwhile(home: Home, number: int, do: Callable[[], object]) -> Iterator[Connection]:
    """A transaction that takes something away from whoever does `do`, which waits for it; all is done at the end."""
    thread = threading.Thread(target=do)
    with closing(database.connect(home.folder)) as connection:
        with transaction(connection):
            take_turn(connection, number)
            yield connection
            thread.start()
            wait_until(lambda: rows_in(home, "SELECT 1 FROM pg_locks WHERE NOT granted") != [])
        thread.join()


@pytest.mark.parametrize("does", ["commits", "has a result", "has the result of what it committed"])
def test_what_is_taken_from_a_worker_is_another_ones_whatever_the_first_one_writes_at_that_moment(
    home: Home, does: str
) -> None:
    with ScriptedServer() as mail_server:
        add_asset(home, mail_server)
    number = number_of(submit(home, mails(1)))
    with closing(database.connect(home.folder)) as connection:
        run = due.durable_run(connection, number)
        assert run is not None
        mine = work.Work(connection, home.folder, run, ASSET, "job-1", AT_ONCE, lambda _text: None, Counted())
        assert len(list(mine.parameter_sets(lambda _connection: False))) == 1
        later = MailError("Later.", step="connection", category=Category.NETWORK, retryable=True)
        not_sent = unfinished(later, Outcome.NOT_SENT, "Nothing was sent.")
        refused: list[StoreError] = []

        def commit() -> None:
            try:
                mine.committing([attempt(1)])
            except StoreError as error:
                refused.append(error)

        if does == "has the result of what it committed":
            mine.committing([attempt(1)])
        do = commit if does == "commits" else lambda: mine.finished(1, not_sent)
        with taken_meanwhile(home, number, do) as taking:
            holders.settle_work(taking, "job-1")
            # It is claimed at once by another one, which in truth is a transaction of its own.
            taking.execute("UPDATE due SET holder = 'job-2' WHERE holder = ''")
            taking.execute("UPDATE mail SET state = 'claimed' WHERE state = 'waiting'")
    found = rows_in(home, "SELECT state, holder FROM mail LEFT JOIN due USING (run_id, position)")
    if does == "has the result of what it committed":
        assert found == [("unknown", None)]
    else:
        assert found == [("claimed", "job-2")]
    assert len(refused) == (does == "commits")


def test_what_is_known_by_now_is_not_decided_by_a_person_any_more(home: Home) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as mail_server:
        add_asset(home, mail_server)
        submitted = submit(home, mails(1))
        assert worked(home, submitted).mails[0].state == "unknown"
    number = number_of(submitted)
    told: list[str] = []

    def send_again() -> None:
        try:
            home.runs.resolve(number, 1, was_sent=False)
        except StoreError as error:
            told.append(str(error))

    with taken_meanwhile(home, number, send_again) as connection:
        connection.execute("UPDATE mail SET state = 'sent'")
    assert told == [f"Mail 1 of run {number} is sent. Only an unknown one can be resolved."]
    assert rows_in(home, "SELECT state FROM mail") == [("sent",)]


def test_a_mailbox_that_waits_for_its_limit_gives_way_to_another_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_LEAST", 0.5)
    monkeypatch.setattr(jobs, "WAITED", 0.5)
    with ScriptedServer(Settings(lifetime=110)) as mail_server:
        add_asset(home, mail_server, messages_per_minute=120)
        slow = number_of(submit(home, mails(200)))
        with Several(home, 1, concurrency=1) as several:
            wait_until(lambda: len(mail_server.log.accepted) > 2)
            with ScriptedServer(Settings(lifetime=110)) as another:
                add_asset(home, another, "another")
                quick = number_of(submit(home, mails(3), asset="another"))
                wait_until(lambda: home.runs.state_of(quick) == "ended")
            assert home.runs.state_of(slow) == "running"
    assert several.told == []
    assert max(came_to(mail_server).values()) == 1


def test_a_user_who_may_not_make_the_schema_of_jobs_is_told_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = os.environ[DATABASE_VARIABLE]
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE ROLE poor LOGIN")
        connection.execute("GRANT ALL ON SCHEMA public TO poor")
    monkeypatch.setenv(DATABASE_VARIABLE, address.replace("tester@", "poor@"))
    done = start(WORK).finish()
    assert (done.returncode, done.stdout) == (2, "")
    assert "GRANT CREATE ON DATABASE" in done.stderr
    assert done.stderr.count("\n") == 1
