"""Whom an account may write to."""

from __future__ import annotations

import pytest

from message.address.mailbox import parse_list
from message.audience import Audience, Pattern
from smtp.errors import InvalidValue


def admits(address: str, allowed: str = "", denied: str = "") -> bool:
    audience = Audience(
        tuple(Pattern.parse(one) for one in allowed.split()),
        tuple(Pattern.parse(one) for one in denied.split()),
    )
    (mailbox,) = parse_list(address, "to")
    return audience.admits(mailbox.address)


@pytest.mark.parametrize(
    ("pattern", "address", "fits"),
    [
        ("*@example.com", "bob@example.com", True),
        ("example.com", "bob@example.com", True),
        ("EXAMPLE.com", "Bob@Example.COM", True),
        ("@example.com", "bob@example.com", None),
        ("example.com", "bob@sub.example.com", False),
        ("example.com", "bob@badexample.com", False),
        ("example.com", "example.com@evil.test", False),
        ("example.com", '"x@example.com"@evil.test', False),
        ("*@example.com", '"x@example.com"@evil.test', False),
        ("*.example.com", "bob@sub.example.com", True),
        ("*.example.com", "bob@example.com", False),
        ("*.münchen.example", "bob@mail.xn--mnchen-3ya.example", True),
        ("*.münchen.example", "bob@mail.münchen.example", True),
        ("*.münchen.example", "bob@münchen.example", False),
        ("mün*.example", "bob@münchen.example", None),
        ("*@[192.0.2.1]", "bob@[192.0.2.1]", True),
        ("example.com.", "bob@example.com", None),
        (".example.com", "bob@example.com", None),
        ("example..com", "bob@example.com", None),
        ("bob@@example.com", "bob@example.com", None),
        ('["*@example.com"]', "bob@example.com", None),
        ('"bob"@example.com', "bob@example.com", None),
        ("<bob@example.com>", "bob@example.com", None),
        ("mailto:bob@example.com", "bob@example.com", None),
        ("*", "anybody@anywhere.test", True),
        ("bob@example.com", '"bob"@example.com', True),
        ("bob@example.com", "bobby@example.com", False),
        ("ops-*@example.com", "ops-night@example.com", True),
        ("ops-*-x@*.com", "ops-x@example.com", False),
        ("ops-*-x@*.com", "ops-1-x@example.com", True),
        ("straße.de", "info@straße.de", True),
        ("straße.de", "info@strasse.de", False),
        ("xn--strae-oqa.de", "info@straße.de", True),
        ("[192.0.2.1]", "bob@[192.0.2.1]", True),
        ("two words.com", "", None),
        ("bob@", "", None),
    ],
)
def test_a_pattern_means_what_it_looks_like(pattern: str, address: str, fits: bool | None) -> None:
    if fits is None:
        with pytest.raises(InvalidValue):
            Pattern.parse(pattern)
        return
    (mailbox,) = parse_list(address, "to")
    assert Audience((Pattern.parse(pattern),)).admits(mailbox.address) is fits


@pytest.mark.parametrize(
    ("address", "is_admitted"),
    [("bob@example.com", True), ("ceo@example.com", False), ("bob@other.test", False)],
)
def test_what_is_denied_is_denied_though_it_is_allowed(address: str, is_admitted: bool) -> None:
    assert admits(address, "example.com", "ceo@*") is is_admitted


@pytest.mark.parametrize("address", ["ＣＥＯ@example.com", "andre\u0301@example.com", "ANDRÉ@example.com"])
def test_no_other_spelling_of_whom_is_denied_gets_by(address: str) -> None:
    assert not admits(address, denied="ceo@example.com andré@example.com")
    assert admits(address, denied="cfo@example.com")


def test_without_a_rule_everybody_may_be_written_to() -> None:
    assert admits("bob@example.com")
    assert admits("bob@example.com", denied="example.org")


def test_many_stars_take_no_time() -> None:
    pattern = Pattern.parse(f"{'*a' * 2000}b@example.com")
    assert not pattern.fits(f"{'a' * 60_000}@example.com")
