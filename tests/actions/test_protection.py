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
