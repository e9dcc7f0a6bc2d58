"""send email: plain text, HTML with its rendering, encodings, and what the asset's `encoding` forbids."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

TO = "jane@example.com"
HTML = "<html><body><h1>Alert</h1><p>Host <b>web&amp;1</b> is <a href='https://example.com/x'>down</a></p></body></html>"


def mail(run: Runner, catcher: Catcher, inbox: Inbox, **parameters: Any) -> Mail:
    """The message that was sent."""
    result = run("send_email", asset(catcher), {"to": TO, **parameters})
    assert result.message == "Email sent"
    assert result.data["size"] == len(inbox.only.content)
    return sound(inbox.only)


def test_a_plain_text_is_one_part(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    sent = mail(run, catcher, inbox, body="Hello\nWorld\n", subject="Hi")
    assert sent.structure == "plain"
    assert sent.text == "Hello\nWorld\n"
    assert sent.parsed.get_content_charset() == "utf-8"
    assert sent.leaves[0].encoding == "7bit"


@pytest.mark.parametrize(
    "start",
    [
        "<html>",
        "<HTML>",
        "<!DOCTYPE html>",
        "<!doctype HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>",
        " \n\t<html>",
        "\r\n\r\n<!DOCTYPE html><html>",
        "<html lang='en'>",
        "<html\nlang='en'>",
    ],
)
def test_a_body_that_starts_as_html_is_html(run: Runner, catcher: Catcher, inbox: Inbox, start: str) -> None:
    sent = mail(run, catcher, inbox, body=f"{start}<p>Hi <b>there</b> &amp; all</p>")
    assert sent.structure == ("alternative", ["plain", "html"])
    assert sent.leaf("text/plain").text.strip() == "Hi there & all"
    expected = f"{start}<p>Hi <b>there</b> &amp; all</p>".replace("\r\n", "\n")
    assert sent.leaf("text/html").text == expected


@pytest.mark.parametrize(
    "body",
    [
        "<p>not enough</p>",
        "Hi <html>",
        "<htmlx>",
        "<html-thing>",
        "< html>",
        "&lt;html&gt;",
        "<!DOCTYPE xml>",
    ],
)
def test_any_other_body_is_plain_text(run: Runner, catcher: Catcher, inbox: Inbox, body: str) -> None:
    sent = mail(run, catcher, inbox, body=body)
    assert sent.structure == "plain"
    assert sent.text.rstrip("\n") == body


def test_the_rendering_can_be_read(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    sent = mail(run, catcher, inbox, body=HTML)
    assert sent.leaf("text/plain").text == "Alert\n\nHost web&1 is down <https://example.com/x>\n"
    assert sent.leaf("text/html").text == HTML


class TestEncodings:
    @pytest.mark.parametrize("body", ["Grüße, 世界 😀", "ü" * 400, "a\nü\n.\n..\nb", "é" * 80 + "\n"])
    def test_text_goes_as_it_is_where_the_server_takes_8_bit(
        self, run: Runner, catcher: Catcher, inbox: Inbox, body: str
    ) -> None:
        sent = mail(run, catcher, inbox, body=body)
        assert sent.text.rstrip("\n") == body.rstrip("\n")
        assert sent.leaves[0].encoding == "8bit"
        assert "BODY=8BITMIME" in inbox.only.mail_parameters

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [("mostly ASCII, ein paar Umlaute: ü" * 20, "quoted-printable"), ("日本語" * 50, "base64")],
    )
    def test_the_shorter_encoding_is_used_where_it_does_not(
        self, run: Runner, simple_catcher: Catcher, simple_inbox: Inbox, body: str, encoding: str
    ) -> None:
        sent = mail(run, simple_catcher, simple_inbox, body=body)
        assert sent.content.isascii()
        assert sent.leaves[0].encoding == encoding
        assert sent.text.rstrip("\n") == body

    @pytest.mark.parametrize(
        "body",
        [
            "x" * 999,
            "x" * 5000 + "\nshort",
            "ü" * 500,
            "word " * 1000,
            "trailing \nspaces\t\n" + "y" * 2000,
            "=" * 3000,
        ],
    )
    def test_a_long_line_is_encoded_and_not_folded(
        self, run: Runner, catcher: Catcher, inbox: Inbox, body: str
    ) -> None:
        sent = mail(run, catcher, inbox, body=body)
        assert sent.leaves[0].encoding in ("quoted-printable", "base64")
        assert sent.text.rstrip("\n") == body

    def test_a_line_of_998_octets_needs_no_encoding(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        assert mail(run, catcher, inbox, body="x" * 998).leaves[0].encoding == "7bit"

    @pytest.mark.parametrize("body", ["a\rb\nc\r\nd", "\r\r\n\n", "\n.\n", "\r\n.\r\n..\r\n", ".", "\n\n\n"])
    def test_every_line_end_becomes_crlf(
        self, run: Runner, catcher: Catcher, inbox: Inbox, body: str
    ) -> None:
        sent = mail(run, catcher, inbox, body=body)
        lines = body.replace("\r\n", "\n").replace("\r", "\n")
        assert sent.text.rstrip("\n") == lines.rstrip("\n")

    @pytest.mark.parametrize("chunking", [True, False])
    @pytest.mark.parametrize("pipelining", [True, False])
    def test_the_message_is_the_same_however_it_travels(
        self, run: Runner, chunking: bool, pipelining: bool
    ) -> None:
        body = "\n.\n..leading dots\n.\n" + "line\n" * 30_000 + "ü"
        with ScriptedServer(Settings(chunking=chunking, pipelining=pipelining)) as server:
            result = run("send_email", asset(server), {"to": TO, "body": body})
        (accepted,) = server.log.accepted
        assert result.message == "Email sent"
        assert Mail(accepted.content).text.rstrip("\n") == body
        assert (accepted.by == "BDAT") == chunking
        assert server.log.violations == []


class TestUnicodeSwitchedOff:
    @pytest.mark.parametrize(
        ("parameters", "named"),
        [
            ({"body": "Grüße"}, "body: "),
            ({"body": "x", "subject": "Grüße"}, "subject: "),
            ({"body": "x", "headers": {"Subject": "Grüße"}}, "headers: Subject: "),
            ({"body": "<html>Grüße</html>"}, "body: "),
        ],
    )
    def test_what_is_not_ascii_is_an_error_that_names_the_setting(
        self, run: Runner, catcher: Catcher, inbox: Inbox, parameters: dict[str, Any], named: str
    ) -> None:
        result = run("send_email", asset(catcher, encoding=False), {"to": TO, **parameters})
        assert named in result.message
        assert "Enable Unicode support" in result.message
        assert inbox.is_empty

    @pytest.mark.parametrize("off", [False, "false", "False"])
    def test_ascii_goes(self, run: Runner, catcher: Catcher, inbox: Inbox, off: object) -> None:
        result = run(
            "send_email", asset(catcher, encoding=off), {"to": TO, "body": "plain", "subject": "plain"}
        )
        assert result.succeeded
        assert sound(inbox.only).text == "plain\n"


@pytest.mark.parametrize("missing", [{}, {"body": None}, {"body": ""}])
def test_a_body_is_required(
    run: Runner, catcher: Catcher, inbox: Inbox, missing: dict[str, str | None]
) -> None:
    result = run("send_email", asset(catcher), {"to": TO, **missing})
    assert result.message == "Nothing was sent. body: missing, and it is required"
    assert inbox.is_empty


@pytest.mark.parametrize(("body", "named"), [("a\0b", r"\x00"), ("half \ud83d", r"\ud83d")])
def test_a_body_that_no_mail_can_carry_is_an_error(
    run: Runner, catcher: Catcher, inbox: Inbox, body: str, named: str
) -> None:
    result = run("send_email", asset(catcher), {"to": TO, "body": body})
    assert result.message == f"Nothing was sent: body: '{named}' can't be sent in a text"
    assert inbox.is_empty


def test_the_platforms_context_and_empty_values_are_ignored(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    sent = mail(
        run,
        catcher,
        inbox,
        body="x",
        context={"guid": "1", "artifact_id": 0},
        cc=None,
        bcc="",
        subject=None,
        attachments="",
        headers="",
    )
    assert sent.structure == "plain"
