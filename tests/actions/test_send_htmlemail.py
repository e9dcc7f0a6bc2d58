"""send htmlemail: HTML with its text, inline parts, attachments by every parameter, and the sanitiser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import Mail, sound
from tests.support.running import Run, Runner, asset

TO = "jane@example.com"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def send(run: Runner, catcher: Catcher, **parameters: Any) -> Run:
    return run("send_htmlemail", asset(catcher), {"to": TO, **parameters})


def mail(run: Runner, catcher: Catcher, inbox: Inbox, **parameters: Any) -> Mail:
    """The message that was sent."""
    assert send(run, catcher, **parameters).message == "Email sent"
    return sound(inbox.only)


def refusal(run: Runner, catcher: Catcher, inbox: Inbox, **parameters: Any) -> str:
    """The message of a result with which nothing was sent."""
    result = send(run, catcher, **{"html_body": "<p>x</p>", **parameters})
    assert not result.succeeded
    assert inbox.is_empty
    return result.message


class TestStructure:
    def test_html_and_the_text_that_was_given(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, html_body="<p>Grüße</p>", text_body="My own text: ü", subject="Hi")
        assert sent.structure == ("alternative", ["plain", "html"])
        assert sent.leaf("text/plain").text == "My own text: ü"
        assert "<p>Grüße</p>" in sent.leaf("text/html").text
        assert sent["Subject"] == "Hi"

    @pytest.mark.parametrize("text", [None, "", "  "])
    def test_without_a_text_one_is_made(
        self, run: Runner, catcher: Catcher, inbox: Inbox, text: str | None
    ) -> None:
        html = "<html><h2>HTML heading</h2><body>HTML body.<ul><li>one<li>two</ul></body></html>"
        sent = mail(run, catcher, inbox, html_body=html, text_body=text)
        assert sent.leaf("text/plain").text == "HTML heading\n\nHTML body.\n\n* one\n* two\n"

    def test_inline_parts_are_related_and_others_stand_around(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        logo, report = run.add_to_vault("logo.png", PNG), run.add_to_vault("report.pdf", b"%PDF")
        sent = mail(
            run,
            catcher,
            inbox,
            html_body='<p>See <img src="cid:logo"></p>',
            attachment1=logo,
            content_id1="logo",
            attachment2=report,
        )
        alternative = ("alternative", ["plain", "html"])
        assert sent.structure == ("mixed", [("related", [alternative, "png"]), "pdf"])
        picture, file = sent.leaf("image/png"), sent.leaf("application/pdf")
        assert (picture.disposition, picture.content_id, picture.name) == ("inline", "<logo>", "logo.png")
        assert (file.disposition, file.content_id, file.name) == ("attachment", None, "report.pdf")
        assert (picture.data, file.data) == (PNG, b"%PDF")

    def test_inline_parts_alone(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        logo = run.add_to_vault("logo.png", PNG)
        html = '<img src="cid:logo@example.com">'
        sent = mail(run, catcher, inbox, html_body=html, attachment3=logo, content_id3="<logo@example.com>")
        assert sent.structure == ("related", [("alternative", ["plain", "html"]), "png"])
        assert sent.leaf("image/png").content_id == "<logo@example.com>"

    def test_attachments_alone(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        sent = mail(run, catcher, inbox, html_body="<p>x</p>", attachment5=run.add_to_vault("a.txt", b"x"))
        assert sent.structure == ("mixed", [("alternative", ["plain", "html"]), "plain"])


class TestAttachmentParameters:
    @pytest.mark.parametrize("as_text", [True, False])
    def test_the_list_and_the_slots_add_up(
        self, run: Runner, catcher: Catcher, inbox: Inbox, as_text: bool
    ) -> None:
        ids = [run.add_to_vault(f"{n}.txt", str(n).encode()) for n in range(7)]
        listed = [{"vault_id": ids[0], "content_id": "zero"}, {"vault_id": ids[1], "content_id": ""}]
        slots = {f"attachment{n}": ids[n + 1] for n in range(1, 6)}
        sent = mail(
            run,
            catcher,
            inbox,
            html_body='<a href="cid:zero">0</a> <img src="cid:three">',
            attachment_json=json.dumps(listed) if as_text else listed,
            content_id2="three",
            **slots,
        )
        names = [leaf.name for leaf in sent.leaves if leaf.name]
        assert names == ["0.txt", "3.txt", "1.txt", "2.txt", "4.txt", "5.txt", "6.txt"]
        assert [leaf.content_id for leaf in sent.leaves if leaf.content_id] == ["<zero>", "<three>"]

    @pytest.mark.parametrize("nothing", [None, "", "[]", []])
    def test_empty_values_attach_nothing(
        self, run: Runner, catcher: Catcher, inbox: Inbox, nothing: object
    ) -> None:
        sent = mail(
            run,
            catcher,
            inbox,
            html_body="<p>x</p>",
            attachment_json=nothing,
            attachment1="",
            content_id1=None,
        )
        assert sent.structure == ("alternative", ["plain", "html"])

    @pytest.mark.parametrize(
        ("parameters", "named"),
        [
            ({"attachment2": "0" * 40}, "attachment2: Vault id " + "0" * 40),
            ({"attachment_json": [{"vault_id": "1" * 40}]}, "attachment_json: Vault id " + "1" * 40),
            ({"attachment_json": "not json"}, "attachment_json: it is not JSON (line 1, column 1)"),
            ({"attachment_json": '{"vault_id": "x"}'}, "attachment_json: it has to be a JSON list"),
            ({"attachment_json": '["x"]'}, "attachment_json: entry 1 has no vault_id"),
            ({"attachment_json": [{"content_id": "x"}]}, "attachment_json: entry 1 has no vault_id"),
            (
                {"attachment_json": [{"vault_id": "x", "content_id": 1}]},
                "attachment_json: the content_id of entry 1",
            ),
            ({"attachment_json": "[" * 100_000}, "attachment_json: "),
        ],
    )
    def test_what_is_wrong_names_its_parameter(
        self, run: Runner, catcher: Catcher, inbox: Inbox, parameters: dict[str, Any], named: str
    ) -> None:
        assert named in refusal(run, catcher, inbox, **parameters)

    def test_every_missing_file_is_named(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        message = refusal(
            run,
            catcher,
            inbox,
            attachment_json=[{"vault_id": "1" * 40}],
            attachment1="2" * 40,
            attachment5="3" * 40,
        )
        assert all(digit * 40 in message for digit in "123")


class TestContentIds:
    def test_two_files_of_one_content_id_are_an_error(
        self, run: Runner, catcher: Catcher, inbox: Inbox
    ) -> None:
        one, two = run.add_to_vault("1.png", PNG), run.add_to_vault("2.png", PNG + b"2")
        message = refusal(
            run, catcher, inbox, attachment1=one, content_id1="<same>", attachment2=two, content_id2="same"
        )
        assert message == "Nothing was sent: attachment2: its content_id 'same' is given to two attachments"

    def test_one_file_may_have_two_content_ids(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        one = run.add_to_vault("1.png", PNG)
        html = '<img src="cid:a"><img src="cid:b">'
        sent = mail(
            run,
            catcher,
            inbox,
            html_body=html,
            attachment1=one,
            content_id1="a",
            attachment2=one,
            content_id2="b",
        )
        assert sent.structure == ("related", [("alternative", ["plain", "html"]), "png", "png"])

    def test_one_that_nothing_refers_to_is_a_warning(self, run: Runner, catcher: Catcher) -> None:
        result = send(
            run,
            catcher,
            html_body="<p>x</p>",
            attachment1=run.add_to_vault("1.png", PNG),
            content_id1="unused",
        )
        assert result.message == "Email sent"
        assert result.warnings == ["the HTML does not refer to the content id unused"]

    def test_one_without_its_attachment_asks_for_nothing(self, run: Runner, catcher: Catcher) -> None:
        result = send(run, catcher, html_body='<img src="cid:logo">', attachment1="", content_id1="logo")
        assert result.message == "Email sent"
        assert result.warnings == ["the HTML refers to cid:logo, which no attachment has"]

    def test_what_else_an_entry_of_the_json_has_is_passed_over(self, run: Runner, catcher: Catcher) -> None:
        entry = {"vault_id": run.add_to_vault("1.png", PNG), "content_id": "a", "note": "the logo"}
        result = send(run, catcher, html_body='<img src="cid:a">', attachment_json=[entry])
        assert (result.message, result.warnings) == ("Email sent", [])

    def test_a_reference_without_its_part_is_a_warning(self, run: Runner, catcher: Catcher) -> None:
        result = send(run, catcher, html_body='<img src="cid:gone">')
        assert result.message == "Email sent"
        assert result.warnings == ["the HTML refers to cid:gone, which no attachment has"]

    @pytest.mark.parametrize(
        "html",
        [
            '<img src="cid:a%40b">',
            "<img src='CID:a@b'>",
            "<img src=cid:a@b>",
            '<td background="cid:a@b">x</td>',
            "<div style=\"background-image: url('cid:a@b')\">x</div>",
            '<a href=" cid:a&#64;b ">x</a>',
        ],
    )
    def test_references_are_found_however_they_are_written(
        self, run: Runner, catcher: Catcher, html: str
    ) -> None:
        result = send(
            run,
            catcher,
            html_body=html,
            attachment1=run.add_to_vault("1.png", PNG),
            content_id1="a@b",
            should_sanitize_template=False,
        )
        assert (result.message, result.warnings) == ("Email sent", [])


class TestSanitising:
    HOSTILE = (
        '<html><head><title>t</title><style>p{color:red}</style></head><body onload="x()">'
        '<script>alert(1)</script><table width="100%"><tr><td style="color:red;background:url(http://x/y)">cell'
        '</td></tr></table><a href="javascript:alert(1)">bad</a><a href="https://example.com/">good</a>'
        '<img src="cid:logo" onerror="x()"><form action="http://evil.test/"><input name="q"></form>'
        "&lt;script&gt;</body></html>"
    )

    @pytest.mark.parametrize(
        "switch", [{}, {"should_sanitize_template": True}, {"should_sanitize_template": "true"}]
    )
    def test_by_default_nothing_that_acts_is_left(
        self, run: Runner, catcher: Catcher, inbox: Inbox, switch: dict[str, object]
    ) -> None:
        html = mail(run, catcher, inbox, html_body=self.HOSTILE, **switch).leaf("text/html").text
        for gone in (
            "<script",
            "alert",
            "onload",
            "onerror",
            "javascript",
            "<form",
            "evil.test",
            "http://x/y",
        ):
            assert gone not in html
        for kept in (
            '<table width="100%">',
            "color: red",
            "https://example.com/",
            "cid:logo",
            "&lt;script&gt;",
        ):
            assert kept in html
        assert html.startswith("<!DOCTYPE html>")

    @pytest.mark.parametrize("off", [False, "false", "False"])
    def test_it_can_be_switched_off(self, run: Runner, catcher: Catcher, inbox: Inbox, off: object) -> None:
        sent = mail(run, catcher, inbox, html_body=self.HOSTILE, should_sanitize_template=off)
        assert sent.leaf("text/html").text == self.HOSTILE
        assert "alert" not in sent.leaf("text/plain").text

    @pytest.mark.parametrize("value", ["no", 1, 0, "yes", []])
    def test_what_is_no_boolean_is_an_error(
        self, run: Runner, catcher: Catcher, inbox: Inbox, value: object
    ) -> None:
        assert "should_sanitize_template: " in refusal(run, catcher, inbox, should_sanitize_template=value)


@pytest.mark.parametrize("missing", [{}, {"html_body": None}, {"html_body": ""}])
def test_html_is_required(
    run: Runner, catcher: Catcher, inbox: Inbox, missing: dict[str, str | None]
) -> None:
    result = send(run, catcher, text_body="only text", **missing)
    assert result.message == "Nothing was sent. html_body: missing, and it is required"
    assert inbox.is_empty


def test_without_unicode_html_and_text_have_to_be_ascii(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    parameters = {"to": TO, "html_body": "<p>ü</p>", "text_body": "ü", "subject": "ü"}
    message = run("send_htmlemail", asset(catcher, encoding=False), parameters).message
    for field in ("html_body", "text_body", "subject"):
        assert f"{field}: it is not ASCII, and the asset's setting 'Enable Unicode support' is off" in message
    assert inbox.is_empty
