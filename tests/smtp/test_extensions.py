"""What a server says it can do."""

from __future__ import annotations

import pytest

from smtp.extensions import Extensions
from smtp.reply import Reply


def offered(*lines: str) -> Extensions:
    return Extensions.parse(Reply(250, ("mail.example.com greets you", *lines)))


def test_keywords_are_whole_tokens_in_any_case() -> None:
    extensions = offered("pipelining", "8BITMIME", "SIZELESS 10", "X-STARTTLS")
    assert "PIPELINING" in extensions
    assert "8bitmime" in extensions
    assert "SIZE" not in extensions
    assert "STARTTLS" not in extensions


def test_the_greeting_is_no_capability() -> None:
    assert "STARTTLS" not in Extensions.parse(Reply(250, ("STARTTLS",)))


def test_lines_that_are_no_capability_are_ignored() -> None:
    extensions = offered("", "=odd", "-x", "ü", "CHUNKING")
    assert str(extensions) == "CHUNKING"


def test_a_line_that_could_not_be_shown_is_no_capability() -> None:
    extensions = offered("AUTH PLAIN \x1b[31mX", "SIZE 1\u202e0", "X-OPEN \x00", "CHUNKING")
    assert str(extensions) == "CHUNKING"
    assert offered("AUTH PLAIN <b>X</b> " + "A" * 21).auth == {"PLAIN"}


def test_however_much_is_offered_what_is_shown_of_it_is_short() -> None:
    assert len(str(offered(*(f"X-{number} {'x' * 100}" for number in range(500))))) <= 512


def test_both_forms_of_auth_are_understood() -> None:
    assert offered("AUTH PLAIN login", "AUTH=CRAM-MD5").auth == {"PLAIN", "LOGIN", "CRAM-MD5"}


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("SIZE 100", 100),
        ("SIZE", None),
        ("SIZE 0", None),
        ("SIZE x", None),
        ("SIZE -1", None),
        ("SIZE " + "9" * 30, None),
    ],
)
def test_size_zero_or_none_is_no_limit(line: str, size: int | None) -> None:
    assert offered(line).size == size


def test_known_limits_are_read_and_odd_ones_ignored() -> None:
    limits = offered("LIMITS MAILMAX=20 rcptmax=100 RCPTDOMAINMAX=x FUTURE=3 =4 ZERO=0").limits
    assert limits == {"MAILMAX": 20, "RCPTMAX": 100, "FUTURE": 3}
