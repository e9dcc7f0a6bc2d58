"""Where bounces go, and of what the servers on the way are to tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.running import Runner, asset
from tests.support.scripted.server import ScriptedServer
from tests.support.scripted.settings import Settings

BODY = {"send_email": "body", "send_htmlemail": "html_body"}
both = pytest.mark.parametrize("action", sorted(BODY))


def asked(action: str, **more: Any) -> dict[str, Any]:
    return {"to": "bob@example.com, ann@example.com", BODY[action]: "Hello", **more}


def told_for(server: ScriptedServer) -> list[tuple[str, ...]]:
    """What the server was told beside each recipient."""
    return [parameters for mail in server.log.accepted for parameters in mail.recipient_parameters]


@both
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("bounces@example.org", "bounces@example.org"),
        ("<b@x>", "b@x"),
        ("<>", "<>"),
        ("", "sender@example.com"),
    ],
)
def test_bounces_go_where_they_are_wanted(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str, given: str, told: str
) -> None:
    result = run(action, asset(catcher), asked(action, envelope_sender=given))
    assert result.message == "Email sent"
    assert inbox.only.mail_from == told
    assert b"From: sender@example.com\r\n" in inbox.only.content
    assert result.data["sender"] == "sender@example.com"


@both
@pytest.mark.parametrize("settings", [Settings(pipelining=True), Settings(pipelining=False, chunking=False)])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("never", ("NOTIFY=NEVER",)),
        ("success, FAILURE", ("NOTIFY=SUCCESS,FAILURE",)),
        ('["success", "failure"]', ("NOTIFY=SUCCESS,FAILURE",)),
        (["delay", "failure", "delay"], ("NOTIFY=DELAY,FAILURE",)),
        ("", ()),
    ],
)
def test_a_server_that_offers_dsn_is_told_when_to_report(
    run: Runner, action: str, settings: Settings, given: object, told: tuple[str, ...]
) -> None:
    with ScriptedServer(replace(settings, extra=("DSN",))) as server:
        result = run(action, asset(server), asked(action, dsn=given))
    assert result.message == "Email sent"
    assert result.warnings == []
    assert told_for(server) == [told, told]
    assert server.log.violations == []


@both
def test_a_server_without_dsn_is_told_nothing_and_the_result_says_so(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    result = run(action, asset(catcher), asked(action, dsn="failure"))
    assert result.message == "Email sent"
    assert inbox.only.rcpt_parameters == ()
    assert result.warnings == [
        "the server does not offer DSN: it was not told when to report on the delivery"
    ]


def test_several_mails_in_flight_are_each_told(run: Runner) -> None:
    with ScriptedServer(Settings(extra=("DSN",))) as server:
        parameters = [asked("send_email", subject=str(n), dsn="never") for n in range(25)]
        run_ = run("send_email", asset(server, window=10, max_connections=1), *parameters)
    assert {result["message"] for result in run_.results} == {"Email sent"}
    assert told_for(server) == [("NOTIFY=NEVER",)] * 50


@both
@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"dsn": "sometimes"}, "dsn: 'sometimes' is none of never, success, failure, delay"),
        ({"dsn": ["never", "delay"]}, "dsn: never can't be combined with the others"),
        ({"envelope_sender": "nobody"}, "envelope_sender: 'nobody' is not a valid address"),
        ({"envelope_sender": "a@x, b@x"}, "envelope_sender: 'a@x, b@x' is not one address"),
    ],
)
def test_what_can_not_be_told_is_refused_before_anything_is_connected(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str, more: dict[str, Any], fault: str
) -> None:
    result = run(action, asset(catcher), asked(action, **more))
    assert fault in result.message
    assert inbox.is_empty


def test_bounces_to_an_address_that_is_not_ascii_need_smtputf8(
    run: Runner, catcher: Catcher, simple_catcher: Catcher, inbox: Inbox
) -> None:
    parameters = asked("send_email", envelope_sender="jörg@example.com")
    assert run("send_email", asset(catcher), parameters).message == "Email sent"
    assert "SMTPUTF8" in inbox.only.mail_parameters
    result = run("send_email", asset(simple_catcher), parameters)
    assert "envelope_sender: 'jörg@example.com' is not ASCII before the @" in result.message
