"""A line break, or what might pass for one, at every text of every action: no header is ever added."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

TO = "a@example.com"
BREAKS = (
    "\r\n",
    "\n",
    "\r",
    "\n\n",
    "\r\n\r\n",
    "\v",
    "\f",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\r\n ",
    "\x1b",
)
PAYLOAD = "X-Injected: yes"
KNOWN = {
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "x-a",
    "reply-to",
}
KNOWN |= {"content-transfer-encoding", "in-reply-to", "references", "sender"}


def attack(run: Runner, catcher: Catcher, inbox: Inbox, action: str, **parameters: Any) -> None:
    """Either nothing is sent, and the reason is one printable line, or what is sent has no header of the attacker's."""
    required = {"send_email": {"to": TO, "body": "x"}, "send_htmlemail": {"to": TO, "html_body": "<p>x</p>"}}
    before = len(inbox.messages)
    result = run(action, asset(catcher), {**required[action], **parameters})
    assert result.message.isprintable()
    assert len(inbox.messages) == before + result.succeeded
    for caught in inbox.messages[before:]:
        mail = sound(caught)
        assert {name.lower() for name, _ in mail.raw_fields} <= KNOWN
        assert all("X-Injected" not in part for part in mail.parsed.walk())
        assert set(caught.rcpt_tos) == {TO}


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize("field", ["subject", "from", "to", "cc", "bcc"])
def test_at_the_parameters(run: Runner, catcher: Catcher, inbox: Inbox, field: str, line_break: str) -> None:
    for value in (
        f"a@example.com{line_break}{PAYLOAD}",
        f"Name{line_break}{PAYLOAD} <a@example.com>",
        f'"Name{line_break}{PAYLOAD}" <a@example.com>',
        f"(comment{line_break}{PAYLOAD}) <a@example.com>",
        f"<a{line_break}{PAYLOAD}@example.com>",
    ):
        attack(run, catcher, inbox, "send_email", **{field: value})


@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "name",
    ["X-A", "Subject", "To", "Reply-To", "Date", "Message-ID", "In-Reply-To", "References", "Sender", "From"],
)
def test_at_a_header(run: Runner, catcher: Catcher, inbox: Inbox, name: str, line_break: str) -> None:
    for value in (f"a@example.com{line_break}{PAYLOAD}", [f"<a@b>{line_break}{PAYLOAD}"]):
        attack(run, catcher, inbox, "send_email", headers={name: value})
        assert inbox.is_empty
    attack(run, catcher, inbox, "send_email", headers={f"{name}{line_break}{PAYLOAD}": "x"})
    assert inbox.is_empty


@pytest.mark.parametrize("name", ["X-A: b\r\nX-Injected", "X A", "X-A:", ":", "", "\u00e4", "X-A\t", " X-A"])
def test_a_header_name_that_is_none_is_refused(
    run: Runner, catcher: Catcher, inbox: Inbox, name: str
) -> None:
    attack(run, catcher, inbox, "send_htmlemail", headers={name: "x"})
    assert inbox.is_empty


@pytest.mark.parametrize("line_break", BREAKS)
def test_at_a_file_name_and_a_content_id(
    run: Runner, catcher: Catcher, inbox: Inbox, line_break: str
) -> None:
    vault_id = run.add_to_vault(f'a"; x="{line_break}{PAYLOAD}{line_break}.txt', b"content")
    attack(run, catcher, inbox, "send_email", attachments=vault_id)
    assert len(inbox.messages) == 1
    attack(run, catcher, inbox, "send_htmlemail", attachment1=vault_id, content_id1=f"a{line_break}{PAYLOAD}")
    assert len(inbox.messages) == 1


@pytest.mark.parametrize("line_break", BREAKS)
def test_at_a_vault_id(run: Runner, catcher: Catcher, inbox: Inbox, line_break: str) -> None:
    vault_id = "0" * 40 + line_break + PAYLOAD
    attack(run, catcher, inbox, "send_email", attachments=vault_id)
    attack(run, catcher, inbox, "send_htmlemail", attachment_json=[{"vault_id": vault_id}])
    attack(run, catcher, inbox, "send_htmlemail", attachment1=vault_id)
    assert inbox.is_empty


def test_a_body_that_looks_like_headers_stays_a_body(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    body = f"{PAYLOAD}\r\nBcc: evil@example.net\r\n\r\n.\r\nMAIL FROM:<evil@example.net>"
    attack(run, catcher, inbox, "send_email", body=body)
    assert sound(inbox.only).text == body.replace("\r\n", "\n") + "\n"
    attack(
        run, catcher, inbox, "send_htmlemail", html_body=body, text_body=body, should_sanitize_template=False
    )


def test_encoded_words_are_not_decoded_into_headers(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    hidden = "=?utf-8?q?x=0D=0AX-Injected:_yes?="
    for parameters in (
        {"subject": hidden},
        {"headers": {"X-A": hidden}},
        {"from": f"{hidden} <a@example.com>"},
    ):
        attack(run, catcher, inbox, "send_email", **parameters)


def test_a_host_name_of_the_asset_can_not_add_a_command(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    for field in ("ehlo_name", "sender_address", "username", "server"):
        result = run(
            "send_email", asset(catcher, **{field: "x@y\r\nMAIL FROM:<evil@y>"}), {"to": TO, "body": "x"}
        )
        assert f"{field}: " in result.document["message"]
    assert inbox.is_empty
