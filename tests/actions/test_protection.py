"""Signing and encrypting as an asset asks for it: what arrives verifies, and a bad field is named before anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.message.test_signing import RSA, certificate, openssl, pem, verifies
from tests.support.catcher import Catcher
from tests.support.fixtures import Inbox
from tests.support.running import Runner, asset

DKIM = {"dkim_selector": "s1", "dkim_domain": "example.com", "dkim_key": pem(RSA).decode()}
MAIL = {"to": "bob@example.com", "subject": "Grüße", "body": "Hello\n"}


@pytest.mark.parametrize(
    "key", [DKIM["dkim_key"], DKIM["dkim_key"].replace("\n", "\\n"), DKIM["dkim_key"].replace("\n", " ")]
)
def test_the_domain_vouches_for_a_mail(run: Runner, catcher: Catcher, inbox: Inbox, key: str) -> None:
    result = run("send_email", asset(catcher, **{**DKIM, "dkim_key": key}), MAIL)
    assert result.message == "Email sent"
    assert verifies(inbox.only.content, RSA)
    assert "PRIVATE" not in json.dumps(result.document)


def test_mails_are_signed_and_encrypted(run: Runner, catcher: Catcher, inbox: Inbox, tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "bob.pem").write_bytes(certificate(key, "bob"))
    (tmp_path / "bob.key").write_bytes(pem(key))
    (tmp_path / "own.pem").write_bytes(certificate(RSA, "soc") + pem(RSA, "canary-Mime}pa55word"))
    fields = {
        **DKIM,
        "smime_certificate": str(tmp_path / "own.pem"),
        "smime_recipients": json.dumps({"Bob@example.com": str(tmp_path / "bob.pem")}),
    }
    assert run("send_email", asset(catcher, **fields), MAIL).message == "Email sent"
    data = inbox.only.content
    assert verifies(data, RSA)
    assert b"Hello" not in data
    inner = openssl(
        "-decrypt", "-inkey", str(tmp_path / "bob.key"), "-recip", str(tmp_path / "bob.pem"), data=data
    )
    assert b"Hello" in openssl("-verify", "-CAfile", str(tmp_path / "own.pem"), "-purpose", "any", data=inner)
    refused = run("send_email", asset(catcher, **fields), {**MAIL, "cc": "ann@example.com"})
    assert (
        "no certificate to encrypt to for 'ann@example.com': add it to the asset's smime_recipients"
        in refused.message
    )


@pytest.mark.parametrize("known", ["info@münchen.example", "Info@XN--mnchen-3ya.example"])
@pytest.mark.parametrize("to", ["info@MÜNCHEN.example", "info@xn--mnchen-3ya.example"])
def test_a_certificate_is_found_however_the_domain_is_spelled(
    run: Runner, catcher: Catcher, inbox: Inbox, known: str, to: str
) -> None:
    fields = {"smime_recipients": json.dumps({known: certificate(RSA, "info").decode()})}
    assert run("send_email", asset(catcher, **fields), {**MAIL, "to": to}).message == "Email sent"
    assert b"application/pkcs7-mime" in inbox.only.content


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dkim_selector": "s1"}, "dkim_domain"),
        ({**DKIM, "dkim_key": "/nowhere"}, "dkim_key"),
        ({**DKIM, "dkim_key": pem(RSA, "x").decode()}, "dkim_key"),
        ({**DKIM, "dkim_domain": "a b"}, "dkim_domain"),
        ({"smime_key": pem(RSA).decode()}, "smime_key"),
        ({"smime_certificate": "/nowhere"}, "smime_certificate"),
        ({"smime_certificate": certificate(RSA, "a").decode(), "smime_key": "/nowhere"}, "smime_key"),
        ({"smime_recipients": "x"}, "smime_recipients"),
        ({"smime_recipients": '{"a@x": "/nowhere"}'}, "smime_recipients"),
        ({"smime_recipients": json.dumps({"nobody": certificate(RSA, "a").decode()})}, "smime_recipients"),
        ({"smime_recipients": json.dumps({"a@x, b@x": certificate(RSA, "a").decode()})}, "smime_recipients"),
    ],
)
def test_a_field_that_can_not_be_used_is_named_before_anything_is_connected(
    run: Runner, catcher: Catcher, inbox: Inbox, fields: dict[str, Any], named: str
) -> None:
    result = run("send_email", asset(catcher, **fields), MAIL)
    assert f"the asset's {named}" in result.message.lower()
    assert result.failure["category"] == "configuration"
    assert "PRIVATE" not in json.dumps(result.document)
    assert inbox.is_empty


BAD = {
    "allowed_recipients": "a b",
    "denied_recipients": "nobody@",
    "redirect_to": "x",
    "dkim_domain": "a b",
    "dkim_key": "/nowhere",
    "smime_key": "no key",
    "smime_recipients": '{"a@example.com": "/nowhere"}',
}


@pytest.mark.parametrize(
    ("action", "parameters", "wrong"),
    [
        ("send_email", {"to": "nobody", "body": "x", "dsn": "often"}, ("to: ", "dsn: ")),
        (
            "send_htmlemail",
            {"to": "a@", "html_body": "<p>x", "attachment1": "none"},
            ("to: ", "attachment1: "),
        ),
        ("send_rawemail", {"raw_email": "From: a@example.com\n\nx"}, ("The recipient (to)",)),
        ("preview_email", {"to": "nobody", "body": "x", "dsn": "often"}, ("to: ", "dsn: ")),
        (
            "send_invitation",
            {"to": "nobody", "start": "soon", "end": "2026-01-01T10:00Z"},
            ("to: ", "start: "),
        ),
    ],
)
def test_what_is_wrong_with_the_account_and_with_the_mail_is_told_together(
    run: Runner,
    catcher: Catcher,
    inbox: Inbox,
    action: str,
    parameters: dict[str, str],
    wrong: tuple[str, ...],
) -> None:
    result = run(action, asset(catcher, **BAD, dkim_selector="s1"), parameters)
    named = ["allowed_recipients", "denied_recipients", "redirect_to"]
    if action != "send_rawemail":  # which is neither signed nor encrypted
        named += ["dkim_domain", "dkim_key", "smime_key", "smime_recipients"]
    for field in named:
        assert result.message.count(f"the asset's {field} can't be used: ") == 1
    assert all(text in result.message for text in wrong)
    assert result.failure["category"] == "input"
    assert inbox.is_empty


def test_settings_alone_that_can_not_be_used_are_a_mistake_in_the_configuration(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    result = run("send_email", asset(catcher, **BAD, dkim_selector="s1"), MAIL)
    assert result.failure["category"] == "configuration"
    assert inbox.is_empty


def test_a_value_that_is_none_of_its_list_is_told_with_all_else(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    wrong = {
        "to": "nobody",
        "cc": "a@",
        "importance": "dire",
        "body": "x",
        "attachments": "none",
        "oops": "x",
    }
    for action in ("send_email", "preview_email"):
        message = run(action, asset(catcher, **BAD), wrong).message
        for field in ("to", "cc", "importance", "attachments", "'oops'"):
            assert message.count(f"{field}: ") == 1
        assert "allowed_recipients can't be used" in message
    wrong = {"to": "nobody", "end": "late", "method": "ask", "reminder_minutes": "soon"}
    message = run("send_invitation", asset(catcher), wrong).message
    for field in ("to", "start", "end", "method", "reminder_minutes"):
        assert message.count(f"{field}: ") == 1
    message = run("send_rawemail", asset(catcher), {"raw_email": 7}).message
    assert message.startswith("Nothing was sent. raw_email: ")
    assert message.count(": ") == 1
    assert inbox.is_empty


def test_a_raw_mail_of_an_account_that_signs_says_that_it_was_not_signed(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    raw = {"raw_email": "From: a@example.com\nTo: bob@example.com\n\nx\n"}
    result = run("send_rawemail", asset(catcher, **DKIM), raw)
    assert result.message == "Email sent"
    assert any("neither signed nor encrypted" in warning for warning in result.warnings)
    assert b"DKIM-Signature" not in inbox.only.content
    assert run("send_rawemail", asset(catcher), raw).warnings == []


@pytest.mark.parametrize(
    ("domain", "is_told"),
    [("example.com", False), ("EXAMPLE.com", False), ("mail.example.com", False), ("other.example", True)],
)
def test_a_domain_that_vouches_for_somebody_elses_mail_is_told(
    run: Runner, catcher: Catcher, inbox: Inbox, domain: str, is_told: bool
) -> None:
    result = run("send_email", asset(catcher, **{**DKIM, "dkim_domain": domain}), MAIL)
    warning = f"DKIM vouches for {domain}, and the mail is from example.com: DMARC does not count it"
    assert (warning in result.warnings) is is_told
    assert b"DKIM-Signature" in inbox.only.content


@pytest.mark.parametrize("action", ["send_email", "send_htmlemail", "send_invitation"])
@pytest.mark.parametrize(("letter", "shown"), [("\ud800", "'\\ud800'"), ("\0", "'\\x00'")])
@pytest.mark.parametrize("field", ["signature_text", "signature_html"])
def test_a_signature_that_no_text_can_hold_is_named_before_anything_is_connected(
    run: Runner, catcher: Catcher, inbox: Inbox, field: str, letter: str, shown: str, action: str
) -> None:
    times = {"start": "2026-03-01T10:00Z", "end": "2026-03-01T11:00Z"}
    mail = {
        "send_email": MAIL,
        "send_htmlemail": {"to": MAIL["to"], "html_body": "<p>x</p>"},
        "send_invitation": {"to": MAIL["to"], **times},
    }
    result = run(action, asset(catcher, **{field: f"SOC {letter}"}), mail[action])
    assert f"the asset's {field} can't be used: {shown} can't be sent in a text" in result.message
    assert result.failure["category"] == "configuration"
    assert inbox.is_empty


def test_without_unicode_support_a_signature_has_to_be_ascii_too(
    run: Runner, catcher: Catcher, inbox: Inbox
) -> None:
    account = asset(catcher, encoding=False, signature_text="Grüße", signature_html="<b>Gr&uuml;&szlig;e</b>")
    message = run("send_email", account, {"to": "bob@example.com", "body": "x"}).message
    assert "the asset's signature_text can't be used: it is not ASCII" in message
    assert "signature_html" not in message
    assert inbox.is_empty
