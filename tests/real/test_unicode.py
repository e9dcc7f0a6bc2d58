"""Addresses and text beyond ASCII: with SMTPUTF8, without it, and at a server that knows neither it nor 8BITMIME."""

from __future__ import annotations

import pytest

from tests.real.certificates import Certificates
from tests.real.connector import Fields, Run, act, asset
from tests.real.exim import Exim
from tests.real.people import ALICE, BOOKS, JÖRG
from tests.real.postfix import Postfix, Service
from tests.real.services import NO_SMTPUTF8, OLD, TLS_MODES, TRANSPORTS

BOOKS_IN_UNICODE = "post@bücher.example"
FULL = {service.tls: service for service in TRANSPORTS if not service.without}


def _send(fields: Fields, to: str, **more: object) -> Run:
    return act("send_email", fields, {"to": to, "subject": "Bücher 📚", "body": "Grüße", **more})


@pytest.mark.parametrize("tls", TLS_MODES)
def test_a_unicode_local_part_arrives_with_smtputf8(
    postfix: Postfix, certificates: Certificates, tls: str
) -> None:
    run = _send(asset(postfix.port(FULL[tls]), tls, certificates), f"Jörg Müller <{JÖRG}>", cc=ALICE)
    assert run.succeeded, run.message
    for recipient in (JÖRG, ALICE):
        delivered = postfix.mailboxes.wait_for(recipient, run.data["message_id"])
        assert "with UTF8SMTP" in delivered.added["received"]
        (address,) = delivered.header["To"].addresses
        assert (address.display_name, address.addr_spec) == ("Jörg Müller", JÖRG)
        assert delivered.header["Subject"] == "Bücher 📚"
        assert delivered.message.get_content().strip() == "Grüße"


def test_exim_takes_a_unicode_local_part_too(exim: Exim, certificates: Certificates) -> None:
    run = _send(asset(exim.ports["starttls"], "starttls", certificates), JÖRG)
    assert run.succeeded, run.message
    delivered = exim.mailboxes.wait_for(JÖRG, run.data["message_id"])
    assert "with utf8esmtps" in delivered.added["received"]
    assert delivered.header["Subject"] == "Bücher 📚"


@pytest.mark.parametrize("service", [FULL["plain"], NO_SMTPUTF8, OLD], ids=["smtputf8", "no_smtputf8", "old"])
def test_a_unicode_domain_needs_no_smtputf8(
    postfix: Postfix, certificates: Certificates, service: Service
) -> None:
    run = _send(asset(postfix.port(service), "plain", certificates), BOOKS_IN_UNICODE)
    assert run.succeeded, run.message
    delivered = postfix.mailboxes.wait_for(BOOKS, run.data["message_id"])
    assert "UTF8SMTP" not in delivered.added["received"]
    assert delivered.content.partition(b"\r\n\r\n")[0].isascii()
    assert delivered.message["Subject"] == "Bücher 📚"
    assert delivered.message.get_content().strip() == "Grüße"


def test_a_unicode_local_part_fails_where_smtputf8_is_not_offered(
    postfix: Postfix, certificates: Certificates
) -> None:
    run = _send(asset(postfix.port(NO_SMTPUTF8), "plain", certificates), f"{ALICE}, {JÖRG}")
    sent_to_alice = run.data["message_id"] and postfix.mailboxes.holding(ALICE, run.data["message_id"])
    assert not run.succeeded
    assert JÖRG in run.result["message"]
    assert run.data["outcome"] == "not sent"
    assert not sent_to_alice


def test_a_unicode_local_part_fails_where_the_asset_forbids_smtputf8(
    postfix: Postfix, certificates: Certificates
) -> None:
    fields = asset(postfix.port(FULL["plain"]), "plain", certificates, allow_smtputf8=False)
    run = _send(fields, JÖRG)
    assert not run.succeeded
    assert JÖRG in run.result["message"]
    assert run.data["outcome"] == "not sent"


def test_the_domain_is_enough_where_the_asset_forbids_smtputf8(
    postfix: Postfix, certificates: Certificates
) -> None:
    fields = asset(postfix.port(FULL["plain"]), "plain", certificates, allow_smtputf8=False)
    run = _send(fields, BOOKS_IN_UNICODE)
    assert run.succeeded, run.message
    assert postfix.mailboxes.wait_for(BOOKS, run.data["message_id"]).message["Subject"] == "Bücher 📚"


def test_an_eight_bit_raw_mail_arrives_as_it_is_where_8bitmime_is_offered(
    postfix: Postfix, certificates: Certificates
) -> None:
    raw = (
        f"From: sender@example.com\nTo: {ALICE}\nMessage-ID: <eight-bit@example.com>\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nSchön — 8 Bit\n"
    )
    run = act("send_rawemail", asset(postfix.port(FULL["plain"]), "plain", certificates), {"raw_email": raw})
    assert run.succeeded, run.message
    delivered = postfix.mailboxes.wait_for(ALICE, "<eight-bit@example.com>")
    assert delivered.content == raw.replace("\n", "\r\n").encode()
