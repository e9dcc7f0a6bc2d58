"""Content ids, boundaries and encoded words made to add a part, end one early, or hide a line break."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

TO = "a@example.com"


class TestContentIds:
    @pytest.mark.parametrize(
        "content_id",
        [
            "a\r\nX-Injected: yes",
            "a>\r\nContent-Type: text/html\r\n\r\n<script>",
            "a\n b",
            "a> <b",
            "<a",
            "a>",
            "<<a>>",
            "<>",
            "a b",
            'a"b',
            "a(b)",
            "ä",
            "a\0b",
            "a\u202eb",
            "x" * 300,
            "[a]",
            "a,b",
            "a;b",
        ],
    )
    def test_one_that_is_none_is_refused(
        self, run: Runner, catcher: Catcher, inbox: Inbox, content_id: str
    ) -> None:
        vault_id = run.add_to_vault("a.png", b"x")
        for parameters in (
            {"attachment1": vault_id, "content_id1": content_id},
            {"attachment_json": [{"vault_id": vault_id, "content_id": content_id}]},
        ):
            result = run("send_htmlemail", asset(catcher), {"to": TO, "html_body": "x", **parameters})
            assert "content_id" in result.message
            assert "is not a content id" in result.message
            assert result.message.isprintable()
        assert inbox.is_empty

    @pytest.mark.parametrize("second", ["logo", "<logo>", " logo ", " <logo> "])
    def test_one_twice_is_refused_however_it_is_written(
        self, run: Runner, catcher: Catcher, inbox: Inbox, second: str
    ) -> None:
        vault_id = run.add_to_vault("a.png", b"x")
        parameters: dict[str, Any] = {
            "attachment_json": [{"vault_id": vault_id, "content_id": "logo"}],
            "attachment2": vault_id,
            "content_id2": second,
        }
        result = run("send_htmlemail", asset(catcher), {"to": TO, "html_body": "x", **parameters})
        assert "is given to two attachments" in result.message
        assert inbox.is_empty


class TestBoundaries:
    def test_no_two_messages_have_the_same(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        for _ in range(5):
            run("send_email", asset(catcher), {"to": TO, "body": "<html>x</html>"})
        found = [sound(caught).parsed.get_boundary() for caught in inbox.messages]
        assert len(set(found)) == 5
        assert all(re.search(r"[0-9a-f]{32}", str(boundary)) for boundary in found)

    def test_those_of_another_message_end_nothing(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        vault_id = run.add_to_vault("first.txt", b"x")
        parameters = {"to": TO, "body": "<html>x</html>", "attachments": vault_id}
        run("send_email", asset(catcher), parameters)
        body = inbox.only.content.decode()
        again = run.add_to_vault("again.eml", inbox.only.content)
        run("send_email", asset(catcher), {"to": TO, "body": f"<html>{body}", "attachments": again})
        second = sound(inbox.messages[-1])
        structure: Any = second.structure
        assert structure[0] == "mixed"
        assert structure[1] == [("alternative", ["plain", "html"]), "rfc822"]
        assert second.leaves[1].text.rstrip("\n") == f"<html>{body}".replace("\r\n", "\n").rstrip("\n")

    def test_dashes_in_a_body_end_nothing(self, run: Runner, catcher: Catcher, inbox: Inbox) -> None:
        text = "--=a_\n--=a_--\n--\n----\n--=_Part\n--"
        parameters = {"to": TO, "html_body": f"<pre>{text}</pre>", "text_body": text}
        run("send_htmlemail", asset(catcher), parameters)
        mail = sound(inbox.only)
        assert mail.structure == ("alternative", ["plain", "html"])
        assert mail.leaf("text/plain").text == text


class TestEncodedWords:
    TRICKY = (
        "é" * 31 + "\U0001f600" * 10,
        "a" * 44 + "é" + "b" * 44 + "\U0001f600",
        "\u0915\u094d\u0937" * 30,
        "e\u0301" * 60,
        "👩‍👩‍👧‍👦" * 8,
        "=?utf-8?b?" + "é",
        "?= é =?x?q?y?=",
        "é =?utf-8?q?=0D=0ABcc:_x=40y?=",
        "\u00a0é\u3000",
    )

    @pytest.mark.parametrize("text", TRICKY)
    def test_no_character_is_split_and_no_word_too_long(
        self, run: Runner, catcher: Catcher, inbox: Inbox, text: str
    ) -> None:
        run(
            "send_email",
            asset(catcher),
            {"to": TO, "body": "x", "subject": text, "headers": {"X-Note": text}},
        )
        mail = sound(inbox.only)
        for name in ("Subject", "X-Note"):
            assert str(mail[name]).strip() == text.strip()
            (raw,) = [value for key, value in mail.raw_fields if key == name]
            words = re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", raw)
            assert words
            assert all(len(word) <= 75 for word in words)
            assert b"\r\nBcc" not in raw

    @pytest.mark.parametrize("half", ["\ud800", "a\ud83d", "\ude00a", "é\udcff"])
    def test_half_a_character_is_refused_by_its_field(
        self, run: Runner, catcher: Catcher, inbox: Inbox, half: str
    ) -> None:
        for field, value in (
            ("subject", half),
            ("body", half),
            ("to", f"{half} <a@example.com>"),
            ("from", f'"{half}" <a@example.com>'),
            ("headers", {"X-A": half}),
        ):
            result = run("send_email", asset(catcher), {"to": TO, "body": "x", field: value})
            assert not result.succeeded
            assert f"{field}: " in result.message
        assert inbox.is_empty

    @pytest.mark.parametrize(
        "name",
        ["é\r\nX-A: b.txt", 'é"; filename="evil.exe', "é''%0d%0a.txt", "%E2%80%AE.txt", "é" * 200 + ".txt"],
    )
    def test_a_file_name_can_not_leave_its_parameter(
        self, run: Runner, catcher: Catcher, inbox: Inbox, name: str
    ) -> None:
        vault_id = run.add_to_vault(name, b"x")
        result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
        file = sound(inbox.only).leaves[1]
        assert file.name == result.data["attachments"][0]["name"]
        assert file.name is not None
        assert "evil" not in file.name or file.name.startswith("é")
        assert len(sound(inbox.only).leaves) == 2
