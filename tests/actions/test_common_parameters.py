"""What both composed sends can be asked for beside body and files: as an action run, and as it arrives."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

TO = "bob@example.com"
BODY = {"send_email": "body", "send_htmlemail": "html_body"}
both = pytest.mark.parametrize("action", sorted(BODY))
EML = b"From: a@x\r\nTo: b@x\r\nSubject: Alert 7\r\nMessage-ID: <2@x>\r\nReferences: <1@x>\r\n\r\nx\r\n"


def asked(action: str, **more: Any) -> dict[str, Any]:
    return {"to": TO, BODY[action]: "Hello", **more}


@both
def test_answers_go_where_they_are_wanted(run: Runner, catcher: Catcher, inbox: Inbox, action: str) -> None:
    result = run(action, asset(catcher), asked(action, reply_to="SOC <soc@x>; b@x", importance="high"))
    assert result.message == "Email sent"
    mail = sound(inbox.only)
    assert (mail["Reply-To"], mail["Importance"]) == ("SOC <soc@x>, b@x", "high")


@both
def test_a_mail_of_the_vault_is_answered(run: Runner, catcher: Catcher, inbox: Inbox, action: str) -> None:
    vault_id = run.add_to_vault("alert.eml", EML)
    assert run(action, asset(catcher), asked(action, in_reply_to=vault_id)).message == "Email sent"
    mail = sound(inbox.only)
    assert (mail["Subject"], mail["In-Reply-To"], mail["References"]) == (
        "Re: Alert 7",
        "<2@x>",
        "<1@x> <2@x>",
    )


@both
def test_a_message_id_is_answered(run: Runner, catcher: Catcher, inbox: Inbox, action: str) -> None:
    assert (
        run(action, asset(catcher), asked(action, in_reply_to="<9@x>", subject="S")).message == "Email sent"
    )
    mail = sound(inbox.only)
    assert (mail["Subject"], mail["In-Reply-To"]) == ("S", "<9@x>")


@both
def test_mails_of_one_container_form_a_thread(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    for container in ("7", "7", "8"):
        assert (
            run(action, asset(catcher), asked(action, thread=True), container_id=container).message
            == "Email sent"
        )
    first, second, other = (sound(caught)["References"] for caught in inbox.messages)
    assert first == second != other


@both
def test_everything_wrong_is_said_at_once_before_anything_is_connected(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    wrong = asked(
        action,
        reply_to="no one",
        in_reply_to="f" * 40,
        template_values="[1]",
        attachment_names='{"x": "y"}',
        transient_files=[
            {"name": "a"},
            {"text": "x"},
            {"name": "b", "base64": "!"},
            {"name": "c", "text": "\ud800"},
        ],
        thread=True,
    )
    result = run(action, asset(catcher), wrong, container_id="")
    assert not result.succeeded
    for fault in (
        "reply_to: 'no one' is not a valid address",
        "in_reply_to: ",
        "template_values: not a JSON object",
        "attachment_names: 'x' is not attached",
        "transient_files: entry 1 needs either a text or a base64",
        "transient_files: entry 2 has no name",
        "transient_files: the base64 of entry 3 is broken",
        "transient_files: the text of entry 4 has '\\ud800', which is half a character",
        "thread: outside a container",
    ):
        assert fault in result.message
    assert inbox.is_empty


@both
def test_files_that_lie_nowhere_are_attached(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    files = [
        {"name": "a.csv", "text": "ä,b\n"},
        {"name": "b.bin", "base64": b64encode(bytes(range(256))).decode()},
    ]
    result = run(action, asset(catcher), asked(action, transient_files=json.dumps(files)))
    assert result.message == "Email sent"
    leaves = {leaf.name: leaf for leaf in sound(inbox.only).leaves}
    assert leaves["a.csv"].data == "ä,b\n".encode()
    assert leaves["b.bin"].data == bytes(range(256))
    assert [one["name"] for one in result.data["attachments"]] == ["a.csv", "b.bin"]


@both
def test_a_template_is_filled(run: Runner, catcher: Catcher, inbox: Inbox, action: str) -> None:
    vault_id = run.add_to_vault("raw.txt", b"x")
    files = (
        {"attachments": vault_id} if action == "send_email" else {"attachment_json": [{"vault_id": vault_id}]}
    )
    parameters = asked(
        action,
        subject="Case {{ case }}",
        template_values={"case": 7, "who": "Jane"},
        attachment_names={vault_id: "case {{ case }}.txt"},
        **files,
    )
    parameters[BODY[action]] = "Dear {{ who }}"
    assert run(action, asset(catcher), parameters).message == "Email sent"
    mail = sound(inbox.only)
    assert mail["Subject"] == "Case 7"
    assert "Dear Jane" in mail.leaves[0].text
    assert mail.leaves[-1].name == "case 7.txt"


@both
def test_the_signature_of_the_asset_stands_at_the_end(
    run: Runner, catcher: Catcher, inbox: Inbox, action: str
) -> None:
    account = {**asset(catcher), "signature_text": "The SOC", "signature_html": "<i>The SOC</i>"}
    assert run(action, account, asked(action)).message == "Email sent"
    leaves = sound(inbox.only).leaves
    assert leaves[0].text.rstrip().endswith("The SOC")
    assert action == "send_email" or "<i>The SOC</i>" in leaves[1].text


def test_a_body_may_be_markdown(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    parameters = {"to": TO, "body": "**bold**", "body_format": "markdown"}
    assert run("send_email", asset(catcher), parameters).message == "Email sent"
    mail = sound(inbox.only)
    assert mail.leaf("text/plain").text.strip() == "**bold**"
    assert "<strong>bold</strong>" in mail.leaf("text/html").text


def test_the_same_content_under_two_names_keeps_both(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    first, second = run.add_to_vault("a.txt", b"same"), run.add_to_vault("b.txt", b"same")
    assert first == second
    parameters = {"to": TO, "body": "x", "attachments": f"{first},{second}"}
    assert run("send_email", asset(catcher), parameters).message == "Email sent"
    assert [leaf.name for leaf in sound(inbox.only).leaves[1:]] == ["a.txt", "b.txt"]
