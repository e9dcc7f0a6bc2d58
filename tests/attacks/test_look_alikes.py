"""Characters that can't be seen, reorder their neighbours, or look like others: refused, or shown for what they are."""

from __future__ import annotations

import pytest

from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.mail import sound
from tests.support.running import Runner, asset

TO = "a@example.com"
INVISIBLE = [
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u061c"
]


@pytest.mark.parametrize("character", INVISIBLE)
def test_an_address_with_an_invisible_character_is_refused(
    run: Runner, catcher: Catcher, inbox: Inbox, character: str
) -> None:
    for address in (f"bank{character}@example.com", f"a@exam{character}ple.com", f"a@ex{character}ämple.com"):
        for field in ("to", "cc", "bcc", "from"):
            result = run("send_email", asset(catcher), {"to": TO, "body": "x", field: address})
            assert not result.succeeded
            assert f"{field}: " in result.message
            assert result.message.isprintable()
    assert inbox.is_empty


@pytest.mark.parametrize(
    ("domain", "label"),
    [
        ("аpple.com", "xn--pple-43d.com"),
        ("раураl.com", "xn--l-7sba6dbr.com"),
        ("gοοgle.com", "xn--ggle-0nda.com"),
        ("exаmple.com", "xn--exmple-4nf.com"),
    ],
)
def test_a_domain_that_looks_like_another_is_told_with_its_a_label(
    run: Runner, catcher: Catcher, inbox: Inbox, domain: str, label: str
) -> None:
    result = run("send_email", asset(catcher), {"to": f"a@{domain}", "body": "x"})
    assert result.message == "Email sent"
    assert inbox.only.rcpt_tos == (f"a@{label}",)
    (warning,) = result.warnings
    assert label in warning


@pytest.mark.parametrize("domain", ["bücher.example", "例え.jp", "пример.рф", "παράδειγμα.gr", "exempel.se"])
def test_an_honest_domain_is_not_warned_of(run: Runner, catcher: Catcher, inbox: Inbox, domain: str) -> None:
    result = run("send_email", asset(catcher), {"to": f"a@{domain}", "body": "x"})
    assert (result.message, result.warnings) == ("Email sent", [])


@pytest.mark.parametrize("character", INVISIBLE)
def test_a_file_name_loses_what_can_not_be_seen_with_a_warning(
    run: Runner, catcher: Catcher, inbox: Inbox, character: str
) -> None:
    vault_id = run.add_to_vault(f"invoice{character}fdp.exe", b"x")
    result = run("send_email", asset(catcher), {"to": TO, "body": "x", "attachments": vault_id})
    assert result.message == "Email sent"
    assert sound(inbox.only).leaves[1].name == "invoice_fdp.exe"
    assert "'invoice_fdp.exe'" in result.warnings[0]
    assert result.warnings[0].isprintable()


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u202a"])
def test_a_name_that_reorders_its_address_is_refused(
    run: Runner, catcher: Catcher, inbox: Inbox, character: str
) -> None:
    result = run(
        "send_email", asset(catcher), {"to": TO, "body": "x", "from": f'"{character}x" <a@example.com>'}
    )
    assert "from: " in result.message
    assert result.message.isprintable()
    assert inbox.is_empty


def test_a_raw_message_is_held_to_the_same(run: Runner, catcher: Catcher, inbox: Inbox) -> None:
    raw = "From: a@example.com\nTo: b\u200b@example.com\n\nx"
    result = run("send_rawemail", asset(catcher), {"raw_email": raw})
    assert "To: " in result.message
    assert inbox.is_empty
    result = run("send_rawemail", asset(catcher), {"raw_email": raw.replace("b\u200b@example", "b@exаmple")})
    assert "may be made to look like another" in result.warnings[0]
