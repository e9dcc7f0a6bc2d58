"""Basic and passwordless: every mechanism at Postfix (Dovecot judging) and at Dovecot's own submission service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from tests.real.certificates import Certificates, KeyPair
from tests.real.connector import Fields, Run, act, asset, login
from tests.real.dovecot import Dovecot, User
from tests.real.people import ALICE, BOB, PASSWORD
from tests.real.postfix import Postfix, Service
from tests.real.processes import public_folder
from tests.real.services import LOGIN_BY, LOGIN_SSL, LOGIN_STARTTLS, PASSWORD_MECHANISMS, RELAY, name_of

pytestmark = pytest.mark.usefixtures("dovecot")


def _send(fields: Fields) -> Run:
    return act("send_email", fields, {"to": BOB, "subject": "Signed in", "body": "Hello"})


def _delivered(run: Run, postfix: Postfix, mechanism: str) -> str:
    """The Received field of the mail that `run` sent with `mechanism`."""
    assert run.succeeded, run.message
    assert run.data["auth_mechanism"] == mechanism
    return postfix.mailboxes.wait_for(BOB, run.data["message_id"]).added["received"]


@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
def test_postfix_takes_mail_from_a_login_by(
    mechanism: str, postfix: Postfix, certificates: Certificates
) -> None:
    service = LOGIN_BY[mechanism]
    run = _send(asset(postfix.port(service), service.tls, certificates, **login(ALICE)))
    received = _delivered(run, postfix, mechanism)
    assert f"(Authenticated sender: {ALICE})" in received
    assert run.data["auth_method"] == "Basic"
    (line,) = (line for line in postfix.log_of(run.data["queue_id"]) if "sasl_method" in line)
    assert f"sasl_method={mechanism}, sasl_username={ALICE}" in line


@pytest.fixture(params=PASSWORD_MECHANISMS)
def picky(
    request: pytest.FixtureRequest, certificates: Certificates, server_certificate: KeyPair, postfix: Postfix
) -> Iterator[tuple[str, Dovecot]]:
    """A mechanism, and a submission server that knows no other."""
    with (
        public_folder("smtp-connector-") as folder,
        Dovecot(
            folder,
            certificates,
            server_certificate,
            [User(ALICE, PASSWORD)],
            relay_port=postfix.port(RELAY),
            mechanisms=request.param.lower(),
        ) as server,
    ):
        yield request.param, server


def test_dovecot_takes_mail_from_a_login_by(
    picky: tuple[str, Dovecot], postfix: Postfix, certificates: Certificates
) -> None:
    mechanism, server = picky
    for port, tls in ((server.port, "starttls"), (server.tls_port, "ssl")):
        run = _send(asset(port, tls, certificates, **login(ALICE)))
        assert "by submission.example.com with ESMTPSA" in _delivered(run, postfix, mechanism)
        assert f"Login: user=<{ALICE}>, method={mechanism}" in server.log


@pytest.mark.parametrize("service", [LOGIN_STARTTLS, LOGIN_SSL], ids=name_of)
def test_the_strongest_mechanism_that_is_offered_is_used(
    postfix: Postfix, certificates: Certificates, service: Service
) -> None:
    run = _send(asset(postfix.port(service), service.tls, certificates, **login(ALICE)))
    _delivered(run, postfix, "SCRAM-SHA-256")


@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
def test_a_wrong_password_is_final_and_stays_secret(
    mechanism: str, postfix: Postfix, certificates: Certificates
) -> None:
    service = LOGIN_BY[mechanism]
    before = len(postfix.sessions(service))
    wrong = "canary-1f8a0c"
    run = _send(asset(postfix.port(service), service.tls, certificates, **login(ALICE, wrong)))
    assert not run.succeeded
    failure = run.data["failure"]
    assert (failure["step"], failure["code"], failure["category"]) == ("AUTH", 535, "authentication")
    assert failure["retryable"] is False
    assert run.data["outcome"] == "not sent"
    assert wrong not in json.dumps(run.document) + "".join(run.progress)
    session = postfix.next_session(service, before)
    assert session["auth"] == "0/1"
    assert "mail" not in session


def test_a_login_where_none_is_offered_sends_nothing(postfix: Postfix, certificates: Certificates) -> None:
    before = len(postfix.sessions(RELAY))
    run = _send(asset(postfix.port(RELAY), "plain", certificates, **login(ALICE)))
    assert not run.succeeded
    assert run.data["failure"]["step"] == "AUTH"
    assert run.data["failure"]["category"] == "configuration"
    assert "mail" not in postfix.next_session(RELAY, before)


def test_a_server_that_wants_a_login_and_gets_none_says_so(
    postfix: Postfix, certificates: Certificates
) -> None:
    run = _send(asset(postfix.port(LOGIN_SSL), "ssl", certificates))
    assert not run.succeeded
    assert run.data["outcome"] == "not sent"
    assert run.data["recipients"][0]["code"] == 554


@pytest.fixture(params=["pem", "one_pem", "pkcs12"])
def certificate_fields(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path: Path
) -> Callable[[str], Fields]:
    """Asset fields of a client certificate in somebody's name, in each form that is understood."""

    def make(name: str) -> Fields:
        pair = certificates.client(name)
        if request.param == "pem":
            return {"client_cert": str(pair.certificate), "client_key": str(pair.key)}
        if request.param == "one_pem":
            together = tmp_path / "together.pem"
            together.write_bytes(pair.key.read_bytes() + pair.certificate.read_bytes())
            return {"client_cert": str(together)}
        packed = tmp_path / "client.p12"
        packed.write_bytes(_pkcs12(pair, b"p12 password"))
        return {"client_cert": str(packed), "client_key_password": "p12 password"}

    return make


def _pkcs12(pair: KeyPair, password: bytes) -> bytes:
    key = load_pem_private_key(pair.key.read_bytes(), None)
    certificate = load_pem_x509_certificate(pair.certificate.read_bytes())
    return pkcs12.serialize_key_and_certificates(
        b"client",
        key,  # type: ignore[arg-type]  # the loader's return type is wider than what it loads here
        certificate,
        None,
        BestAvailableEncryption(password),
    )


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_client_certificate_is_a_login(
    dovecot: Dovecot,
    postfix: Postfix,
    certificates: Certificates,
    certificate_fields: Callable[[str], Fields],
    tls: str,
) -> None:
    port = dovecot.port if tls == "starttls" else dovecot.tls_port
    run = _send(asset(port, tls, certificates, **certificate_fields(ALICE)))
    _delivered(run, postfix, "EXTERNAL")
    assert f"Login: user=<{ALICE}>, method=EXTERNAL" in dovecot.log


def test_a_certificate_of_a_stranger_is_refused(
    dovecot: Dovecot, certificates: Certificates, certificate_fields: Callable[[str], Fields]
) -> None:
    fields = certificate_fields("mallory@example.com")
    run = _send(asset(dovecot.tls_port, "ssl", certificates, **fields))
    assert not run.succeeded
    assert run.data["outcome"] == "not sent"
    assert run.data["failure"]["step"] == "AUTH"
