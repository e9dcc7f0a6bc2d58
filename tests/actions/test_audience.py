"""Whom an account may write to, as an action run: everything that is wrong is named before anything is connected."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail
from tests.support.running import Runner, asset

SENDS = pytest.mark.parametrize("action", ["send_email", "send_htmlemail", "send_rawemail"])


def asked(action: str, to: str, cc: str = "", bcc: str = "") -> dict[str, Any]:
    if action == "send_rawemail":
        lines = [
            "From: sender@example.com",
            f"To: {to}",
            f"Cc: {cc}",
            f"Bcc: {bcc}",
            "Subject: x",
            "",
            "Hello",
        ]
        return {"raw_email": "\n".join(line for line in lines if not line.endswith(": "))}
    body = "body" if action == "send_email" else "html_body"
    return {"to": to, "cc": cc, "bcc": bcc, "subject": "x", body: "Hello"}


@SENDS
def test_who_may_not_be_written_to_is_named_and_nobody_gets_anything(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    account = asset(catcher, allowed_recipients="example.com\nexample.org", denied_recipients="ceo@*")
    parameters = asked(
        action, "bob@example.com, eve@evil.test", cc="mallory@evil.test", bcc="ceo@example.com"
    )
    result = run(action, account, parameters)
    assert not result.succeeded
    assert (
        "'eve@evil.test' may not be written to: the asset's allowed_recipients does not name it"
        in result.message
    )
    assert "'mallory@evil.test' may not be written to" in result.message
    assert "'ceo@example.com' may not be written to: the asset's denied_recipients names it" in result.message
    assert "bob@" not in result.message
    assert not any("Connecting" in text for text in result.progress)
    assert inbox.is_empty


@SENDS
def test_a_mail_for_too_many_is_refused(run: Runner, catcher: Catcher, inbox: Inbox, action: str) -> None:
    account = asset(catcher, max_recipients="2")
    result = run(action, account, asked(action, "a@example.com,b@example.com", cc="c@example.com"))
    assert "there are 3 recipients, and a mail may have 2 (the asset's max_recipients)" in result.message, (
        result.message
    )
    assert run(action, account, asked(action, "a@example.com", cc="A@EXAMPLE.com,b@example.com")).succeeded
    assert len(inbox.messages) == 1


@SENDS
def test_in_test_mode_everything_goes_elsewhere(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    account = asset(catcher, redirect_to="Tester <tester@example.org>")
    result = run(
        action, account, asked(action, "Bob <bob@example.com>", cc="ann@example.com", bcc="eve@example.com")
    )
    assert result.message == "Email sent"
    assert inbox.only.rcpt_tos == ("tester@example.org",)
    mail = Mail(inbox.only.content)
    assert mail["X-Original-To"] == "bob@example.com, ann@example.com, eve@example.com"
    assert (mail["To"], mail["Cc"]) == ("Bob <bob@example.com>", "ann@example.com")
    assert result.data["redirected_recipients"] == ["bob@example.com", "ann@example.com", "eve@example.com"]
    assert result.statuses == {"tester@example.org": "accepted"}
    assert "test mode: this went to tester@example.org and to none of its recipients" in result.warnings


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        (
            "send_email",
            {"to": "bob@example.com", "body": "x", "headers": {"X-Original-To": "old@example.com"}},
        ),
        (
            "send_rawemail",
            {"raw_email": "x-original-to: old@example.com\nFrom: a@example.com\nTo: bob@example.com\n\nx\n"},
        ),
    ],
)
def test_in_test_mode_only_those_who_were_meant_are_named(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str, parameters: dict[str, str]
) -> None:
    assert run(action, asset(catcher, redirect_to="tester@example.org"), parameters).message == "Email sent"
    assert inbox.only.content.lower().count(b"x-original-to:") == 1
    assert Mail(inbox.only.content)["X-Original-To"] == "bob@example.com"


@SENDS
def test_in_test_mode_the_rules_hold_for_those_who_were_meant(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    account = asset(catcher, redirect_to="t@example.org", allowed_recipients="example.com", max_recipients=1)
    result = run(action, account, asked(action, "bob@example.com, eve@evil.test"))
    assert "'eve@evil.test' may not be written to" in result.message
    assert "there are 2 recipients" in result.message
    assert inbox.is_empty
    assert run(action, account, asked(action, "bob@example.com")).message == "Email sent"


@SENDS
def test_without_a_redirection_nothing_is_added(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    result = run(action, asset(catcher), asked(action, "bob@example.com"))
    assert result.data["redirected_recipients"] == []
    assert b"X-Original-To" not in inbox.only.content


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_recipients", "bob smith"),
        ("allowed_recipients", ", ,"),
        ("denied_recipients", "bob@"),
        ("redirect_to", "nobody"),
        ("redirect_to", ";"),
        ("max_recipients", 0),
        ("max_recipients", "many"),
    ],
)
def test_a_rule_that_can_not_be_understood_stops_every_mail(
    run: Runner, catcher: Catcher, inbox: Inbox, field: str, value: object
) -> None:
    result = run("send_email", asset(catcher, **{field: value}), asked("send_email", "bob@example.com"))
    assert not result.succeeded
    assert field in result.document["message"] or field in result.message
    assert inbox.is_empty


def test_a_test_does_not_use_up_the_key_of_the_mail(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    parameters = {**asked("send_email", "bob@example.com"), "idempotency_key": "case-7"}
    assert run("send_email", asset(catcher, redirect_to="t@example.org"), parameters).message == "Email sent"
    result = run("send_email", asset(catcher), parameters)
    assert "a mail with another content has this key" in result.message
    assert [caught.rcpt_tos for caught in inbox.messages] == [("t@example.org",)]


def test_a_preview_shows_whom_it_would_go_to(run: Runner, catcher: Catcher) -> None:
    account = asset(catcher, redirect_to="t@example.org")
    data = run("preview_email", account, {"to": "bob@example.com", "body": "x"}).data
    assert (data["recipients"], data["redirected_recipients"]) == (["t@example.org"], ["bob@example.com"])


def test_connectivity_is_tested_without_a_mail_where_none_may_be_sent(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    result = run("test_connectivity", asset(catcher, allowed_recipients="example.org"))
    assert result.succeeded
    assert "the asset's own address is not one that it may write to" in result.message
    assert inbox.is_empty


def test_the_mail_of_a_connectivity_test_is_redirected_too(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    result = run("test_connectivity", asset(catcher, redirect_to="t@example.org"))
    assert "A test mail was sent to t@example.org" in result.message
    assert inbox.only.rcpt_tos == ("t@example.org",)
