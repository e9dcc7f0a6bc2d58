"""Workers that are killed for good at any time: nothing is lost, nothing doubled, every row final and true.

The server's own account is the judge. `KILLS` and `MAILS` say how much of it; `make test-long` asks for more.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from host.local.home import Home
from tests.durable.working import add_asset, mails, number_of, submit
from tests.host.processes import start
from tests.support.scripted import ScriptedServer, Settings

KILLS = int(os.environ.get("KILLS", "10"))
MAILS = int(os.environ.get("MAILS", "1000"))
PATIENCE = 240 + KILLS * 10
"""Seconds for the whole."""

# A process that is forked has its imports done: a hundred of them take no longer than the mails.
FORK_WORKERS = """
import os, signal, sys
from smtp_connector import POOL
from doors.cli.command_line import main
import host.local.worker, host.local.postgres, sqlalchemy.dialects.sqlite, cryptography.fernet
import doors.cli.durable_commands, host.local.job_worker
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os._exit(main(["worker"], POOL))
    print(pid, flush=True)
"""


class Workers:
    """Two worker processes: with a database of the folder one works and the other stands by, else both work."""

    def __init__(self) -> None:
        self._forks = start(FORK_WORKERS).process
        self._pids = [self._fork(), self._fork()]

    def kill(self) -> None:
        """Both at once; new ones take their places."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        self._pids = [self._fork(), self._fork()]

    def end(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        self._forks.kill()
        self._forks.communicate()

    def _fork(self) -> int:
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write("\n")
        self._forks.stdin.flush()
        return int(self._forks.stdout.readline())


@contextmanager
def workers() -> Iterator[Workers]:
    some = Workers()
    try:
        yield some
    finally:
        some.end()


@pytest.mark.timeout(PATIENCE)
def test_workers_that_are_killed_lose_nothing_and_double_nothing(home: Home) -> None:
    chance = random.Random(KILLS)
    with ScriptedServer(Settings(delay=0.002, lifetime=PATIENCE)) as server:
        add_asset(home, server)
        number = number_of(submit(home, mails(MAILS)))
        with workers() as working:
            killed, goal = 0, 1
            while home.runs.state_of(number) != "ended":
                if killed < KILLS and len(server.log.accepted) >= goal:
                    time.sleep(chance.random() * 0.05)
                    working.kill()
                    killed += 1
                    goal = len(server.log.accepted) + chance.randrange(1, MAILS // (KILLS + 5))
                time.sleep(0.02)
        came = Counter(message.recipients[0] for message in server.log.accepted)
    assert killed == KILLS
    assert max(came.values()) == 1
    exported = list(home.runs.export(number))
    assert len(exported) == MAILS
    for mail in exported:
        assert mail["outcome"] in ("sent", "unknown")
        assert mail["outcome"] == "unknown" or came[mail["recipients"][0]] == 1
    unknown = [mail for mail in exported if mail["outcome"] == "unknown"]
    assert len(unknown) <= KILLS * 3  # one a connection
    assert len(unknown) >= KILLS / 3
    assert all(mail["attempts"] == 1 and mail["message_id"] for mail in unknown)
    assert sum(came.values()) + len(unknown) >= MAILS
