"""Input made to keep a parser busy: four times as much of it takes about four times as long, and nothing recurses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.catcher import Catcher
from tests.support.growth import grows_linearly
from tests.support.running import Runner, asset

TO = "a@example.com"
SMALL = 20_000

ADDRESSES = [
    "(",
    "((((a",
    ")",
    "<",
    "<a@b>",
    '"',
    '\\"',
    "\\",
    ",",
    ";",
    ":",
    "a:",
    "@",
    "a@",
    ".",
    "[",
    "a@b.c,",
    "=?",
    "é",
]
MARKUP = [
    "<",
    "<a",
    "</",
    "<div>",
    "<b>",
    "<table>",
    "<!--",
    "&",
    "&#",
    "<p style='",
    "<a href=",
    "<td>",
    "<li>",
    "x<p>",
]
JSON = ["[", "{", '{"a":', '[{"a":', '"', "\\", "1", "-", "["]
HEADERS = ["(", '"', "=?", "a ", "\\", ",", "<a@b> ", "é"]
RAW = ["\n", "\\n", "a:b\n", "From: (\n", "To: a@b,\n ", " ", ":", "\r", "Bcc: a@b.c\n"]


def grows_with_the_input(
    run: Runner, catcher: Catcher, action: str, field: str, pattern: str, **more: Any
) -> bool:
    def work(size: int) -> None:
        text = pattern * (size // len(pattern))
        value = {"X-A": text, "To": text} if field == "headers" else text
        result = run(action, asset(catcher), {**more, field: value})
        assert "unexpected" not in result.message
        assert len(result.message) < 50_000

    return grows_linearly(work, SMALL)


@pytest.mark.parametrize("pattern", ADDRESSES)
def test_in_addresses(run: Runner, catcher: Catcher, pattern: str) -> None:
    assert grows_with_the_input(run, catcher, "send_email", "to", pattern, body="x")


@pytest.mark.parametrize("pattern", HEADERS)
def test_in_headers(run: Runner, catcher: Catcher, pattern: str) -> None:
    assert grows_with_the_input(run, catcher, "send_email", "headers", pattern, to=TO, body="x")
    assert grows_with_the_input(run, catcher, "send_email", "subject", pattern, to=TO, body="x")


@pytest.mark.parametrize("pattern", MARKUP)
def test_in_html(run: Runner, catcher: Catcher, pattern: str) -> None:
    assert grows_with_the_input(run, catcher, "send_htmlemail", "html_body", pattern, to=TO)


@pytest.mark.parametrize("pattern", JSON)
def test_in_json(run: Runner, catcher: Catcher, pattern: str) -> None:
    assert grows_with_the_input(
        run, catcher, "send_htmlemail", "attachment_json", pattern, to=TO, html_body="x"
    )


@pytest.mark.parametrize("pattern", RAW)
def test_in_raw_messages(run: Runner, catcher: Catcher, pattern: str) -> None:
    assert grows_with_the_input(run, catcher, "send_rawemail", "raw_email", pattern)


@pytest.mark.parametrize("text", ["(" * 1_000_000, "," * 1_000_000, '"' * 1_000_000, "<" * 1_000_000])
def test_a_megabyte_is_answered_in_a_few_words(run: Runner, catcher: Catcher, text: str) -> None:
    result = run("send_email", asset(catcher), {"to": text, "from": text, "body": "x"})
    assert not result.succeeded
    assert len(result.message) < 2000
