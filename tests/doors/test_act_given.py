"""act with what a program has at hand: messages, octets, paths; the exceptions it names; what it logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.mime.text import MIMEText
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

import smtp_connector
from host.local.home import HOME_VARIABLE, Home
from smtp_connector import act
from tests.support.catcher import Catcher


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    (tmp_path / "report.pdf").write_bytes(b"%PDF \xff")
    (tmp_path / "mail.html").write_text("<p>Hello <b>Jané</b></p>")
    return tmp_path


@pytest.fixture
def asset(server: Catcher) -> dict[str, Any]:
    return {
        "server": server.host,
        "port": server.port,
        "ssl_config": "None",
        "sender_address": "soc@example.com",
    }


def arrived(server: Catcher) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(server.messages[-1].content)
    assert isinstance(message, EmailMessage)
    return message


def written() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "me@example.com", "Jané <jane@example.com>"
    message["Bcc"], message["Subject"] = "unseen@example.com", "Grüße"
    message.set_content("Hello Jané")
    return message


@pytest.mark.parametrize("form", ["set", "parameter", "octets"])
def test_a_message_of_the_standard_library_is_sent(server: Catcher, asset: dict[str, Any], form: str) -> None:
    message = written()
    given: Any = {
        "set": message,
        "parameter": {"raw_email": message},
        "octets": {"raw_email": message.as_bytes()},
    }[form]
    assert act("send rawemail", given, asset).success
    assert server.messages[-1].rcpt_tos == ("jane@example.com", "unseen@example.com")
    assert (arrived(server)["Subject"], arrived(server)["Bcc"]) == ("Grüße", None)
    assert arrived(server).get_content().strip() == "Hello Jané"


def test_messages_of_the_older_kind_and_several_at_once(server: Catcher, asset: dict[str, Any]) -> None:
    older = MIMEText("Hello", "plain", "utf-8")
    older["From"], older["To"], older["Subject"] = "me@example.com", "bob@example.com", "One"
    results = act("send rawemail", [older, written()], asset)
    assert [result.outcome for result in results] == ["sent", "sent"]
    assert [mail.rcpt_tos[0] for mail in server.messages] == ["bob@example.com", "jane@example.com"]


def test_octets_of_another_charset_arrive_as_they_are(server: Catcher, asset: dict[str, Any]) -> None:
    raw = (
        b"From: me@example.com\r\nTo: jane@example.com\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe\r\n"
    )
    assert act("send rawemail", {"raw_email": raw}, asset).success
    assert server.messages[-1].content.endswith(b"\r\n\r\nGr\xfc\xdfe\r\n")


def test_files_are_attached_by_their_path_and_leave_nothing(
    server: Catcher, asset: dict[str, Any], folder: Path
) -> None:
    report = folder / "report.pdf"
    results = act("send email", {"to": "jane@example.com", "body": "x", "attachments": [report]}, asset)
    assert results.success
    (part,) = arrived(server).iter_attachments()
    assert (part.get_filename(), part.get_content()) == ("report.pdf", b"%PDF \xff")
    assert Home().vault.list() == ()
    html = {
        "to": "jane@example.com",
        "html_body": folder / "mail.html",
        "attachment1": report,
        "content_id1": "r",
    }
    assert act("send htmlemail", html, asset).success
    assert "<b>Jané</b>" in server.messages[-1].content.decode()


def test_octets_are_attached_under_a_name(server: Catcher, asset: dict[str, Any], folder: Path) -> None:
    attachments = [("a.bin", b"\0\xff"), folder / "report.pdf"]
    sent = act(
        "send email", {"to": "jane@example.com", "body": b"caf\xc3\xa9", "attachments": attachments}, asset
    )
    assert sent.success, sent.message
    names = {part.get_filename(): part.get_content() for part in arrived(server).iter_attachments()}
    assert names == {"a.bin": b"\0\xff", "report.pdf": b"%PDF \xff"}
    assert arrived(server).get_body(("plain",)).get_content().strip() == "café"


@pytest.mark.parametrize(
    ("action", "parameters", "told"),
    [
        ("send email", {"to": "a@example.com", "body": b"\xff"}, "body is not text in UTF-8 (octet 0)"),
        (
            "send email",
            {"to": "a@example.com", "body": Path("none")},
            "body: 'none' can't be read: No such file",
        ),
        ("send email", {"to": "a@example.com", "body": "x", "attachments": [b"x"]}, "write (name, octets)"),
        ("send email", [], "the list of parameter sets is empty"),
        ("send email", ["x"], "item 1 of the list is a text; a parameter set is a JSON object"),
        ("send email", {"to": "a@example.com", "body": object()}, "can't be written as JSON"),
    ],
)
def test_what_cannot_be_understood_is_an_input_error(
    server: Catcher, asset: dict[str, Any], action: str, parameters: Any, told: str
) -> None:
    with pytest.raises(smtp_connector.InputError) as caught:
        act(action, parameters, asset)
    assert told in str(caught.value)
    assert not server.messages


def test_every_exception_that_it_raises_can_be_imported(
    server: Catcher, asset: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = {"to": "a@example.com", "body": "x"}
    with pytest.raises(smtp_connector.UnknownAction):
        act("send nothing", mail, asset)
    with pytest.raises(smtp_connector.VaultError):
        act("send email", mail | {"attachments": [folder / "none"]}, asset)
    with pytest.raises(smtp_connector.InputError):
        act("send email", mail, folder / "no-asset")
    monkeypatch.setenv(HOME_VARIABLE, str(folder / "report.pdf"))
    with pytest.raises(smtp_connector.StoreError):
        act("send email", mail, asset)
    assert not server.messages


def test_each_step_is_logged(asset: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smtp_connector")
    act("send email", {"to": "a@example.com", "body": "x"}, asset | {"port": 1})
    assert {record.name for record in caplog.records} == {"smtp_connector"}
    assert any("Connecting to" in record.getMessage() for record in caplog.records)


def test_a_mail_that_was_only_shown_was_refused_by_nobody(asset: dict[str, Any]) -> None:
    (result,) = act("preview email", {"to": "a@example.com", "body": "x"}, asset)
    assert (result.success, result.outcome, result.refused) == (True, "", [])
    assert result.data[0]["recipients"] == ["a@example.com"]


def test_results_of_test_connectivity_have_no_surprises(asset: dict[str, Any]) -> None:
    (result,) = act("test connectivity", {}, asset)
    assert (result.success, result.outcome, result.refused) == (True, "", [])
    assert result.data[0]["steps"][-1]["step"] == "test mail"
