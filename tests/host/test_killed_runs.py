"""A run that is killed at any statement of its ledger: nothing is lost, nothing doubled, and every row is true.

The server's own account is the judge. `KILLS` says how often; `make test-long` asks for more.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from host.local.home import Home
from tests.host.processes import python
from tests.support.catcher import Catcher
from tests.support.running import asset

KILLS = int(os.environ.get("KILLS", "10"))
COUNT = 6

SEND = """
import json, os, sqlite3, sys
left = int(sys.argv[2])
def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
connect = sqlite3.connect
def counted(*arguments, **more):
    connection = connect(*arguments, **more)
    connection.set_trace_callback(count)
    return connection
sqlite3.connect = counted
from smtp_connector import act
numbers = range(int(sys.argv[3]))
mails = [{"to": f"r{n}@example.com", "body": "y", "idempotency_key": f"key {n}"} for n in numbers]
results = act("send email", mails, json.loads(sys.argv[1]))
print(json.dumps([100_000 - left, [[one.outcome, one.data[0]["repeated"]] for one in results]]))
"""


def send(fields: dict[str, Any], statements: int = 100_000) -> list[Any] | None:
    """What became of each mail; None of a process that was killed."""
    done = python(SEND, json.dumps(fields), statements, COUNT)
    if done.returncode == -9:
        return None
    assert (done.returncode, done.stderr) == (0, "")
    told: list[Any] = json.loads(done.stdout)
    return told


def arrived(catcher: Catcher) -> Counter[str]:
    return Counter(message.rcpt_tos[0] for message in catcher.messages)


def test_a_run_that_is_killed_at_any_statement_and_run_again_sends_each_mail_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(KILLS)
    with Catcher() as catcher:
        monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "whole"))
        whole = send(asset(catcher))
        assert whole is not None
    for number in range(KILLS):
        folder = tmp_path / f"data{number}"
        monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(folder))
        with Catcher() as catcher:
            assert send(asset(catcher), chance.randrange(whole[0])) is None
            before = arrived(catcher)
            assert_true(folder, before)
            again = send(asset(catcher))
            after = arrived(catcher)
        assert again is not None
        assert max(after.values()) == 1
        for n, (outcome, repeated) in enumerate(again[1]):
            came = f"r{n}@example.com"
            assert outcome in ("sent", "unknown")
            assert repeated == (outcome == "unknown" or came in before)
            assert outcome == "unknown" or after[came] == 1


def assert_true(folder: Path, came: Counter[str]) -> None:
    """What is recorded agrees with what the server got."""
    entries = Home(folder).runs.list()
    assert len(entries) == 1 or not came
    for entry in entries:
        run = Home(folder).runs.get(entry.id)
        assert entry.state in ("ended", "cut off")
        assert len(run.mails) == COUNT
        for mail, asked in zip(run.mails, run.parameters, strict=True):
            assert mail.state in ("sent", "not sent", "unknown")
            assert mail.state == "unknown" or (mail.state == "sent") == (came[asked["to"]] == 1)
            assert mail.state != "unknown" or mail.committed_at
        assert sum(mail.state == "unknown" for mail in run.mails) <= 1
