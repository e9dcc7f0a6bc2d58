"""Test connectivity against real servers: what it finds, what it sends, and how typical mistakes are named."""

from __future__ import annotations

import pytest

from tests.real.certificates import Certificates
from tests.real.connector import SENDER, act, asset, login
from tests.real.dovecot import Dovecot
from tests.real.people import ALICE, BOB, CROWD
from tests.real.postfix import Postfix, Service
from tests.real.services import RELAY, TLS_MODES

TEST_SUBJECT = "SMTP connector: test mail"


@pytest.mark.parametrize("tls", TLS_MODES)
def test_each_step_is_told_and_the_test_mail_arrives(
    postfix: Postfix, certificates: Certificates, tls: str
) -> None:
    address = CROWD[1 + TLS_MODES.index(tls)]
    fields = asset(postfix.port(Service(tls=tls)), tls, certificates, sender_address=address)
    run = act("test_connectivity", fields)
    assert run.succeeded, run.message
    told = "\n".join(run.progress)
    assert "localhost" in told
    assert "127.0.0.1" in told
    assert "PIPELINING" in told
    assert ("TLSv1.3" in told) == (tls != "plain")
    assert address in run.message
    delivered = postfix.mailboxes.wait_for(address, TEST_SUBJECT)
    assert delivered.message["To"] == address
    assert delivered.message["From"] == address


def test_the_login_is_told(dovecot: Dovecot, postfix: Postfix, certificates: Certificates) -> None:
    fields = asset(dovecot.tls_port, "ssl", certificates, **login(BOB), sender_address="")
    run = act("test_connectivity", fields)
    assert run.succeeded, run.message
    assert "SCRAM-SHA-256" in "\n".join(run.progress)
    assert postfix.mailboxes.wait_for(BOB, TEST_SUBJECT).added["return-path"] == f"<{BOB}>"


def test_without_an_address_it_stops_before_the_mail_and_says_so(
    postfix: Postfix, certificates: Certificates
) -> None:
    before = len(postfix.sessions(RELAY))
    run = act("test_connectivity", asset(postfix.port(RELAY), "plain", certificates, sender_address=""))
    assert run.succeeded, run.message
    assert "no mail" in (run.result["message"] + "\n".join(run.progress)).lower()
    session = postfix.next_session(RELAY, before)
    assert session["mail"] == session["rset"] == "1"
    assert "rcpt" not in session


@pytest.mark.parametrize(
    ("spoken", "configured", "said"),
    [
        ("plain", "ssl", "plain text first"),
        ("ssl", "plain", "choose SSL"),
        ("ssl", "starttls", "choose SSL"),
        ("plain", "starttls", "STARTTLS was not offered"),
    ],
)
def test_the_wrong_kind_of_tls_is_recognised(
    postfix: Postfix, certificates: Certificates, spoken: str, configured: str, said: str
) -> None:
    port = postfix.port(Service(tls=spoken))
    run = act("test_connectivity", asset(port, configured, certificates, read_timeout=3))
    assert not run.succeeded
    assert said in run.message


def test_an_authority_that_is_not_trusted_is_named(postfix: Postfix, certificates: Certificates) -> None:
    fields = asset(postfix.port(Service(tls="ssl")), "ssl", certificates)
    run = act("test_connectivity", fields | {"ca_bundle": ""})
    assert not run.succeeded
    assert "authority" in run.message
    assert "ca_bundle" in run.message


def test_a_certificate_that_is_not_checked_is_a_warning(postfix: Postfix, certificates: Certificates) -> None:
    fields = asset(postfix.port(Service(tls="ssl")), "ssl", certificates, verify_server_cert=False)
    run = act("send_email", fields | {"ca_bundle": ""}, {"to": ALICE, "subject": "Unverified", "body": "."})
    assert run.succeeded, run.message
    assert any("verify_server_cert" in warning for warning in run.data["warnings"])
    postfix.mailboxes.wait_for(ALICE, run.data["message_id"])


def test_a_sender_without_a_mailbox_is_told_what_the_server_said(
    postfix: Postfix, certificates: Certificates
) -> None:
    run = act("test_connectivity", asset(postfix.port(RELAY), "plain", certificates, sender_address=SENDER))
    assert not run.succeeded
    assert "550 5.1.1" in run.result["message"]
