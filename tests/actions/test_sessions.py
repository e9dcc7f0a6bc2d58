"""One action run, many parameter sets: one connection and one login, and what happens when they are lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.running import SECRETS, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

LOGIN: dict[str, Any] = {
    "auth_type": "Basic",
    "username": "me@example.com",
    "client_secret": None,
    "refresh_token": None,
}
LOGINS = {"me@example.com": SECRETS["password"]}


def mails(count: int) -> list[dict[str, str]]:
    return [{"to": f"r{number}@example.com", "body": "x"} for number in range(count)]


def test_there_is_one_connection_and_one_login(run: Runner) -> None:
    with ScriptedServer(Settings(auth=("PLAIN",), logins=LOGINS)) as server:
        done = run("send_email", asset(server, **LOGIN), *mails(5))
    assert done.document["message"] == "5 of 5 succeeded"
    assert done.document["result_summary"] == {"total_objects": 5, "total_objects_successful": 5}
    assert (server.log.connections, server.log.verbs().count("AUTH")) == (1, 1)
    assert server.log.verbs()[-1] == "QUIT"
    assert {each["data"][0]["auth_mechanism"] for each in done.results} == {"PLAIN"}
    assert server.log.violations == []


def test_one_that_fails_does_not_stop_the_others(run: Runner) -> None:
    with ScriptedServer(Settings(refused={"r1@example.com": "550 5.1.1 no"})) as server:
        sets = [
            *mails(2),
            {"to": "nobody", "body": "x"},
            {"body": "x"},
            {"to": "r4@example.com", "body": "x"},
        ]
        done = run("send_email", asset(server), *sets)
    assert [each["status"] for each in done.results] == ["success", "failed", "failed", "failed", "success"]
    assert [each["parameter"] for each in done.results] == sets
    assert done.document["status"] == "failed"
    assert done.document["message"].startswith("2 of 5 succeeded. The first that failed: Nothing was sent")
    assert server.log.connections == 1


def test_a_connection_that_was_closed_between_two_is_opened_again(run: Runner) -> None:
    for kind in (Kind.CLOSE, Kind.SHUTDOWN, Kind.RESET):
        with ScriptedServer(Settings(fault=Fault(Step.IDLE, kind), chunking=False)) as server:
            done = run("send_email", asset(server), *mails(3))
        assert done.succeeded
        assert (len(server.log.accepted), server.log.connections) == (3, 2)


def test_after_an_unknown_outcome_the_next_goes_over_another_connection(run: Runner) -> None:
    with ScriptedServer(
        Settings(fault=Fault(Step.END, Kind.CLOSE), pipelining=False, chunking=False)
    ) as server:
        done = run("send_email", asset(server), *mails(3))
    outcomes = [each["data"][0]["outcome"] for each in done.results]
    assert outcomes == ["unknown", "sent", "sent"]
    assert (len(server.log.accepted), server.log.connections) == (3, 2)


@pytest.mark.parametrize("reply", [b"535 5.7.8 bad credentials\r\n", b"534 5.7.9 app password needed\r\n"])
def test_a_refused_password_is_shown_once(run: Runner, reply: bytes) -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, times=9, reply=reply, acted=False)
    with ScriptedServer(Settings(auth=("PLAIN", "LOGIN"), logins=LOGINS, fault=fault)) as server:
        done = run("send_email", asset(server, **LOGIN), *mails(4))
    assert [each["status"] for each in done.results] == ["failed"] * 4
    assert {each["data"][0]["failure"]["code"] for each in done.results} == {int(reply[:3])}
    assert (server.log.connections, server.log.verbs().count("AUTH")) == (1, 1)


def test_a_login_that_is_refused_for_now_may_succeed_for_the_next(run: Runner) -> None:
    fault = Fault(Step.AUTH, Kind.SAYS, reply=b"454 4.7.0 temporary\r\n", acted=False)
    with ScriptedServer(Settings(auth=("PLAIN",), logins=LOGINS, fault=fault)) as server:
        done = run("send_email", asset(server, **LOGIN), *mails(3))
    assert [each["status"] for each in done.results] == ["failed", "success", "success"]
    assert done.results[0]["data"][0]["failure"]["retryable"]
    assert len(server.log.accepted) == 2


def test_a_server_that_is_gone_fails_each_set_with_its_reason(run: Runner) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.BANNER, Kind.PERMANENT, times=9))) as server:
        done = run("send_email", asset(server), *mails(3))
    assert [each["data"][0]["failure"]["step"] for each in done.results] == ["banner"] * 3
    assert done.document["result_summary"] == {"total_objects": 3, "total_objects_successful": 0}


def test_all_three_sends_work_without_any_extension(run: Runner) -> None:
    settings = Settings(
        pipelining=False, chunking=False, eight_bit=False, smtputf8=False, enhanced=False, size=None
    )
    with ScriptedServer(settings) as server:
        to, raw = "a@example.com", "From: a@example.com\nTo: b@example.com\n\nGrüße"
        for action, parameters in (
            ("send_email", {"to": to, "body": "Grüße"}),
            ("send_htmlemail", {"to": to, "html_body": "<p>Grüße</p>"}),
            ("send_rawemail", {"raw_email": raw}),
        ):
            assert run(action, asset(server), parameters).message == "Email sent"
    assert len(server.log.accepted) == 3
    assert all(message.content.isascii() for message in server.log.accepted)
    assert server.log.violations == []


def test_switched_off_extensions_are_not_used(run: Runner) -> None:
    with ScriptedServer(Settings()) as server:
        fields = asset(server, disable_pipelining="true", disable_chunking=True)
        assert run("send_email", fields, *mails(2)).succeeded
    assert "BDAT" not in server.log.verbs()
    assert [message.by for message in server.log.accepted] == ["DATA", "DATA"]


def test_the_name_in_ehlo_is_the_assets(run: Runner) -> None:
    with ScriptedServer() as server:
        run("send_email", asset(server, ehlo_name="desk.example.com"), *mails(1))
    assert server.log.commands[0][1] == b"EHLO desk.example.com"


@pytest.mark.parametrize("chunking", [True, False])
def test_a_message_that_the_server_has_refused_whole_is_not_tried_again(run: Runner, chunking: bool) -> None:
    """421 in answer to the end of a message comes after the point of no return: a retry is the playbook's to decide."""
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.SHUTDOWN, nth=2), chunking=chunking)) as server:
        done = run("send_email", asset(server), *mails(3))
    outcomes = [each["data"][0]["outcome"] for each in done.results]
    assert outcomes == ["sent", "not sent", "sent"]
    assert done.results[1]["data"][0]["failure"]["retryable"]
    assert [message.recipients for message in server.log.accepted] == [
        ("r0@example.com",),
        ("r2@example.com",),
    ]
