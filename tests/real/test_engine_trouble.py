"""Workers of durable runs on PostgreSQL when much happens at once, and when the server goes away."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack

import psycopg
import pytest

from delivery.pool import Pool
from host.local import durable, jobs, work
from host.local.files import DATABASE_VARIABLE, StoreError
from host.local.home import Home
from host.local.worker import Worker
from tests.durable.working import AT_ONCE, add_asset, mails, number_of, submit, wait_until
from tests.host.processes import start
from tests.real.test_engine import WORK, came_to, home, server, settled
from tests.support.scripted import ScriptedServer, Settings

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
