"""Idempotency keys: one mail for a key, whoever asks, however often, and the truth about it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from doors.cli.results import exit_code
from host.local.home import Home
from tests.host.processes import Started, start
from tests.support.catcher import Catcher
from tests.support.ledgers import states
from tests.support.running import Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

TURNS = int(os.environ.get("TURNS", "40"))
"""Keys that two processes have at once; `python -m tests.kills.keys` asks for more."""
MAIL = {"to": "jane@example.com", "subject": "x", "body": "y", "idempotency_key": "incident-1"}


def failure(done: Run) -> tuple[str, str, bool]:
    facts = done.failure
    return facts["step"], facts["category"], facts["retryable"]


def test_the_same_key_and_content_gives_the_first_result_again(run: Runner) -> None:
    with ScriptedServer() as server:
        first = run("send_email", asset(server), MAIL)
        second = run("send_email", asset(server), dict(reversed(MAIL.items())))
    assert len(server.log.accepted) == 1
    assert (first.data["repeated"], second.data["repeated"]) == (False, True)
    assert {**second.data, "repeated": False} == first.data
    assert (second.message, second.result["summary"]) == (first.message, first.result["summary"])


def test_another_content_with_the_key_is_an_error(run: Runner) -> None:
    with ScriptedServer() as server:
        run("send_email", asset(server), MAIL)
        done = run("send_email", asset(server), {**MAIL, "body": "z"})
    assert len(server.log.accepted) == 1
    assert failure(done) == ("idempotency_key", "input", False)
    assert "a mail with another content has this key" in done.message
    assert exit_code(done.document) == 2


@pytest.mark.parametrize(
    "other", [{"to": "joe@example.com"}, {"headers": {"X-A": "b"}}, {"cc": "joe@example.com"}]
)
def test_every_parameter_belongs_to_the_content(run: Runner, other: dict[str, Any]) -> None:
    with ScriptedServer() as server:
        run("send_email", asset(server), MAIL)
        assert failure(run("send_email", asset(server), {**MAIL, **other}))[0] == "idempotency_key"


def test_files_are_compared_by_what_is_in_them(run: Runner) -> None:
    one, two = run.add_to_vault("a.txt", b"one"), run.add_to_vault("b.txt", b"two")
    with ScriptedServer() as server:
        run("send_email", asset(server), {**MAIL, "attachments": one})
        same = run("send_email", asset(server), {**MAIL, "attachments": [one.upper()]})
        other = run("send_email", asset(server), {**MAIL, "attachments": two})
    assert (same.data["repeated"], other.succeeded) == (True, False)
    assert len(server.log.accepted) == 1


def test_a_key_is_one_action_and_accounts_own(run: Runner) -> None:
    with ScriptedServer() as server, ScriptedServer() as other:
        run("send_email", asset(server), MAIL)
        run("send_email", asset(other), MAIL)
        run("send_email", asset(server, username="me"), MAIL)
        html = {**MAIL, "html_body": MAIL["body"]}
        del html["body"]
        run("send_htmlemail", asset(server), html)
    assert (len(server.log.accepted), len(other.log.accepted)) == (3, 1)


def test_a_mail_that_was_not_sent_leaves_its_key_to_the_next(run: Runner) -> None:
    fields: dict[str, Any] = {}
    with ScriptedServer(Settings(fault=Fault(Step.RCPT, Kind.SAYS, reply=b"451 4.7.1 later\r\n"))) as server:
        fields = asset(server)
        assert run("send_email", fields, MAIL).data["outcome"] == "not sent"
        done = run("send_email", fields, {**MAIL, "body": "corrected"})
    assert (done.data["outcome"], done.data["repeated"]) == ("sent", False)
    assert states(run.home) == ["not sent", "sent"]


def test_an_unknown_one_stays_unknown_and_is_not_sent_again(run: Runner) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server:
        first = run("send_email", asset(server), MAIL)
        second = run("send_email", asset(server), MAIL)
        assert server.log.connections == 1
    assert (first.data["outcome"], second.data["outcome"]) == ("unknown", "unknown")
    assert second.data["message_id"] == first.data["message_id"]
    assert second.data["repeated"]
    assert exit_code(second.document) == 4


def test_two_sets_of_a_run_with_one_key_are_one_mail(run: Runner) -> None:
    with ScriptedServer() as server:
        done = run("send_email", asset(server), MAIL, MAIL)
    assert len(server.log.accepted) == 1
    assert [one["status"] for one in done.results] == ["success", "failed"]
    (data,) = done.results[1]["data"]
    assert (data["failure"]["step"], data["failure"]["retryable"]) == ("idempotency_key", True)
    assert "in progress" in done.results[1]["message"]


def test_while_it_is_under_way_another_run_with_the_key_waits_for_nothing_and_sends_nothing(
    run: Runner,
) -> None:
    with ScriptedServer(Settings(delay=0.2)) as server:
        first = threading.Thread(target=run, args=("send_email", asset(server), MAIL))
        first.start()
        while not (run.home / "store.db").exists() or states(run.home) != ["committed"]:
            pass
        same, other = (run("send_email", asset(server), {**MAIL, "body": body}) for body in ("y", "z"))
        first.join()
    assert len(server.log.accepted) == 1
    assert failure(same) == ("idempotency_key", "temporary", True)
    assert failure(other) == ("idempotency_key", "input", False)
    assert (exit_code(same.document), exit_code(other.document)) == (1, 2)


def test_the_key_itself_lies_nowhere_in_clear(run: Runner) -> None:
    with ScriptedServer() as server:
        run("send_email", asset(server), {**MAIL, "idempotency_key": "canary-key-of-a-mail"})
    assert b"canary-key-of-a-mail" not in b"".join(
        path.read_bytes() for path in run.home.rglob("*") if path.is_file()
    )


def test_of_two_processes_with_the_same_key_at_once_one_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "data"))
    several = """
import json, sys
from smtp_connector import act
fields, number = json.loads(sys.argv[1]), int(sys.argv[2])
for turn in range(int(sys.argv[3])):
    sys.stdin.readline()
    mail = {"to": f"r{turn}@example.com", "subject": "x", "body": "y", "idempotency_key": f"key {turn}"}
    result = act("send email", mail, fields)[0]
    data = result.data[0]
    print(json.dumps([result.outcome, data["repeated"], data.get("failure", {}).get("step")]), flush=True)
"""
    with Catcher() as catcher:
        fields = asset(catcher)
        racers = [start(several, json.dumps(fields), number, TURNS) for number in range(2)]
        told = []
        for _ in range(TURNS):
            for racer in racers:
                go(racer)
            told.append([heard(racer) for racer in racers])
        for racer in racers:
            racer.finish()
    came = [message.rcpt_tos[0] for message in catcher.messages]
    assert sorted(came) == sorted(f"r{turn}@example.com" for turn in range(TURNS))
    for pair in told:
        assert ["sent", False, None] in pair
        assert all(
            one in (["sent", False, None], ["sent", True, None], ["not sent", False, "idempotency_key"])
            for one in pair
        )
    assert len(Home(tmp_path / "data").runs.list(1000)) == 2 * TURNS


def go(racer: Started) -> None:
    assert racer.process.stdin is not None
    racer.process.stdin.write("\n")
    racer.process.stdin.flush()


def heard(racer: Started) -> list[Any]:
    assert racer.process.stdout is not None
    told: list[Any] = json.loads(racer.process.stdout.readline())
    return told
