"""preview email: what would go out, shown before anything is connected."""

from __future__ import annotations

import json
from contextlib import closing
from email import message_from_bytes
from typing import Any

import pytest

from actions.preview import LARGEST_SHOWN
from delivery.pool import Pool
from host.action_run import ActionRun
from host.local.home import Home
from host.manifest.model import load
from tests.support.actions import FakeContext
from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

NOWHERE = {"server": "mail.invalid", "ssl_config": "None", "sender_address": "soc@example.com"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


def shown(run: Runner, fields: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    result = run("preview_email", fields or NOWHERE, {"to": "bob@example.com", **parameters})
    assert result.succeeded, result.message
    return result.data


def headers(data: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in data["headers"]}


def structure(data: dict[str, Any]) -> list[tuple[int, str, str, str]]:
    return [(part["depth"], part["type"], part["name"], part["content_id"]) for part in data["structure"]]


def test_only_the_recipient_is_required(run: Runner) -> None:
    data = shown(run)
    assert (data["sender"], data["recipients"]) == ("soc@example.com", ["bob@example.com"])
    assert (data["subject"], data["text"], data["html"]) == ("", "", "")


def test_a_text_is_shown_as_it_would_go_out(run: Runner) -> None:
    parameters = {
        "cc": "Jörg <j@example.com>",
        "bcc": "eve@example.com",
        "subject": "Fünf",
        "body": "Größe\n",
    }
    data = shown(run, **parameters)
    assert data["recipients"] == ["bob@example.com", "j@example.com", "eve@example.com"]
    assert (data["subject"], data["text"]) == ("Fünf", "Größe\n")
    assert headers(data)["Cc"] == "Jörg <j@example.com>"
    assert "Bcc" not in headers(data)
    assert "eve" not in data["eml"]
    assert data["size"] == len(data["eml"].encode())
    assert [part["size"] for part in data["structure"]] == [len("Größe\r\n".encode())]


def test_the_message_shown_is_the_one_that_is_sent(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    vault_id = run.add_to_vault("logo.png", PNG)
    parameters = {
        "to": "bob@example.com",
        "subject": "S",
        "html_body": "<p onclick=x>Hällo <img src=cid:logo></p>",
        "attachment1": vault_id,
        "content_id1": "logo",
        "headers": {"Date": "Mon, 02 Jan 2023 15:04:05 +0000", "Message-ID": "<1@example.com>"},
    }
    data = run("preview_email", asset(catcher), parameters).data
    assert run("send_htmlemail", asset(catcher), parameters).message == "Email sent"
    sent = inbox.only.content.removesuffix(b"\r\n")

    def without_boundaries(octets: bytes) -> list[bytes]:
        return [line for line in octets.split(b"\r\n") if b"=a_" not in line and b"=r_" not in line]

    assert without_boundaries(data["eml"].encode().removesuffix(b"\r\n")) == without_boundaries(sent)
    assert data["html"] == sound(inbox.only).leaf("text/html").text
    assert data["warnings"] == ["sanitising took out of the HTML: onclick 1×"]


def test_the_structure_names_files_and_their_true_sizes(run: Runner) -> None:
    image, log = run.add_to_vault("logo.png", PNG), run.add_to_vault("größe.log", b"x" * 777)
    data = shown(
        run,
        html_body="<p>Hi <img src=cid:logo></p>",
        attachment_json=json.dumps([{"vault_id": image, "content_id": "<logo>"}]),
        attachments=log,
    )
    assert structure(data) == [
        (0, "multipart/mixed", "", ""),
        (1, "multipart/related", "", ""),
        (2, "multipart/alternative", "", ""),
        (3, "text/plain", "", ""),
        (3, "text/html", "", ""),
        (2, "image/png", "logo.png", "logo"),
        (1, "text/plain", "größe.log", ""),
    ]
    sizes = [part["size"] for part in data["structure"]]
    assert sizes[5:] == [len(PNG), 777]
    assert sizes[0] == sum(sizes[3:])


def test_markdown_and_templates_are_shown_filled_in(run: Runner) -> None:
    data = shown(
        run,
        body="**{{ who }}**",
        body_format="markdown",
        subject="For {{ who }}",
        template_values={"who": "Ann"},
    )
    assert (data["subject"], data["text"].strip()) == ("For Ann", "**Ann**")
    assert "<strong>Ann</strong>" in data["html"]


def test_a_large_message_goes_into_the_vault(run: Runner) -> None:
    vault_id = run.add_to_vault("big.bin", bytes(LARGEST_SHOWN))
    data = shown(run, body="x", attachments=vault_id)
    assert data["eml"] == data["eml_vault_id"]
    record, *_ = Home(run.home).vault.records(data["eml"])
    assert (record.name, record.size) == ("preview.eml", data["size"])
    parsed = message_from_bytes(record.path.read_bytes())
    assert [part.get_filename() for part in parsed.walk()] == [None, None, "big.bin"]


def test_a_large_message_where_nothing_can_be_added_is_described_all_the_same() -> None:
    with closing(ActionRun(load().action("preview_email"), FakeContext(), Pool())) as started:
        parameters = {"from": "a@example.com", "to": "b@example.com", "body": "x\n" * LARGEST_SHOWN}
        (data,) = started.one(parameters).data
    assert (data["eml"], data["size"] > LARGEST_SHOWN) == ("", True)
    assert any("the message itself is not shown" in warning for warning in data["warnings"])


def test_what_is_wrong_is_said_at_once(run: Runner) -> None:
    result = run(
        "preview_email", NOWHERE, {"to": "nobody", "cc": "@", "body": "x", "html_body": "y", "thread": True}
    )
    assert not result.succeeded
    for fault in (
        "to: 'nobody' is not a valid address",
        "cc: ",
        "body: it goes with send email",
        "thread: outside",
    ):
        assert fault in result.message
    assert result.failure["category"] == "input"


def test_a_text_body_alone_is_a_mistake(run: Runner) -> None:
    result = run("preview_email", NOWHERE, {"to": "bob@example.com", "text_body": "x"})
    assert "text_body: it goes beside an html_body, and there is none" in result.message


@pytest.mark.parametrize(
    ("identifier", "parameters", "text", "html"),
    [
        ("send_email", {"to": "b@example.com", "body": "Hello"}, "Hello", ""),
        (
            "send_htmlemail",
            {"to": "b@example.com", "html_body": "<p>Hello</p>"},
            "Hello",
            "<p>Hello</p>",
        ),
        (
            "send_rawemail",
            {
                "raw_email": "To: b@example.com\nFrom: soc@example.com\nMIME-Version: 1.0\n"
                "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
                "<p>gr=FC=\nn</p>"
            },
            "",
            "<p>grün</p>",
        ),
    ],
)
def test_every_send_can_be_asked_for_its_preview(
    identifier: str, parameters: dict[str, Any], text: str, html: str
) -> None:
    context = FakeContext()
    parameters = parameters if identifier == "send_rawemail" else {"from": "soc@example.com", **parameters}
    with closing(ActionRun(load().action(identifier), context, Pool())) as started:
        report = started.preview(parameters)
    assert report.success, report.message
    (data,) = report.data
    assert data["text"].strip() == text
    assert html in data["html"]
    assert (data["sender"], data["recipients"]) == ("soc@example.com", ["b@example.com"])
    assert context.committed == []


def test_a_preview_of_a_send_says_what_is_wrong() -> None:
    with closing(ActionRun(load().action("send_rawemail"), FakeContext(), Pool())) as started:
        report = started.preview({"raw_email": "Subject: x\n\ny"})
    assert not report.success
    assert "The sender (from) is unavailable" in report.message
