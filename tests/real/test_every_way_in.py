"""Every way to a token, with both mechanisms, at a Dovecot that asks the provider about each token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from host.local.home import HOME_VARIABLE
from tests.auth.keys import PASSWORD, account, own
from tests.real.certificates import Certificates
from tests.real.connector import ROOT, Fields, Run, act, asset
from tests.real.dovecot import Dovecot
from tests.real.openid import (
    ACCOUNT,
    CERTIFICATE_CLIENT,
    CLIENT_SECRET,
    DEVICE_CLIENT,
    EXCHANGE_CLIENT,
    MACHINE,
    PUBLIC_CLIENT,
    SERVICE_CLIENT,
    OpenIdProvider,
)
from tests.real.people import ALICE, BOB
from tests.real.postfix import Postfix
from tests.real.services import BEARER_MECHANISMS
from tests.real.sign_in import agree_to_code, refresh_token

MICROSOFT = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class Ways:
    """What is filled in for each way, and what it takes beside the asset."""

    def __init__(self, provider: OpenIdProvider, authority: str, folder: Path) -> None:
        self._provider = provider
        self._authority = authority
        self._folder = folder

    def client_secret(self) -> Fields:
        return self._application(SERVICE_CLIENT, client_secret=CLIENT_SECRET)

    def certificate(self) -> Fields:
        pem = {"oauth_certificate": own().locked_pem, "oauth_certificate_password": PASSWORD}
        return self._application(CERTIFICATE_CLIENT, **pem)

    def certificate_in_pkcs12(self) -> Fields:
        packed = {"oauth_certificate": own().pkcs12_text, "oauth_certificate_password": PASSWORD}
        return self._application(CERTIFICATE_CLIENT, **packed)

    def federated_token(self) -> Fields:
        """The statement stands where a secret would (RFC 7523 section 2.2)."""
        now = int(time.time())
        claims = {"iss": CERTIFICATE_CLIENT, "sub": CERTIFICATE_CLIENT, "aud": self._provider.issuer}
        times = {"iat": now, "exp": now + 300, "jti": uuid.uuid4().hex}
        token = jwt.encode({"alg": "RS256"}, claims | times, RSAKey.import_key(own().key_pem))
        return self._application(CERTIFICATE_CLIENT, federated_token_file=self._file(token))

    def token_exchange(self) -> Fields:
        fields = self._application(EXCHANGE_CLIENT, client_secret=CLIENT_SECRET)
        return fields | {
            "username": ALICE,
            "federated_token_file": self._file(self._provider.workload_token(ALICE)),
        }

    def service_account(self) -> Fields:
        url = f"{self._provider.google}/token"
        key = account(url, client_email=ACCOUNT, private_key=own("account").key_pem)
        return {"username": ALICE, "service_account_json": key}

    def service_account_without_a_key(self) -> Fields:
        return {"username": ALICE, "service_account_json": json.dumps(self.keyless())}

    def keyless(self) -> Fields:
        """The configuration of a workload's identity, as Google Cloud writes it."""
        google = self._provider.google
        return {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{google}/sts",
            "token_uri": f"{google}/token",
            "service_account_impersonation_url": f"{google}/serviceAccounts/{ACCOUNT}:generateAccessToken",
            "credential_source": {"file": self._file(self._provider.workload_token("pod"))},
        }

    def managed_identity(self) -> Fields:
        return {
            "username": MACHINE,
            "client_id": "machine",
            "token_url": MICROSOFT,
            "managed_identity": "true",
        }

    def refresh_token(self) -> Fields:
        token = refresh_token(self._provider, self._authority, PUBLIC_CLIENT, ALICE)
        return self._person(PUBLIC_CLIENT, refresh_token=token)

    def device_code(self) -> Fields:
        scopes = {"scopes": "openid offline_access smtp"}
        return self._person(DEVICE_CLIENT, device_code=True, device_url=self._provider.device_url, **scopes)

    def _application(self, client: str, **fields: str) -> Fields:
        url = {"token_url": self._provider.token_url, "scopes": "smtp"}
        return {"username": f"{client}@example.com", "client_id": client, **url, **fields}

    def _person(self, client: str, **fields: object) -> Fields:
        return {"username": ALICE, "client_id": client, "token_url": self._provider.token_url, **fields}

    def _file(self, token: str) -> str:
        path = self._folder / "token"
        path.write_text(token)
        return str(path)


@pytest.fixture
def ways(
    provider: OpenIdProvider, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ways:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", provider.metadata_url)
    return Ways(provider, str(certificates.certificate), tmp_path)


def _send(fields: Fields) -> Run:
    return act("send_email", fields, {"to": BOB, "subject": "By token", "body": "Hello"}, asset_id="in")


@pytest.mark.parametrize("mechanism", BEARER_MECHANISMS)
@pytest.mark.parametrize(
    ("way", "grant"),
    [
        (Ways.client_secret, "client_credentials"),
        (Ways.certificate, "client_credentials"),
        (Ways.certificate_in_pkcs12, "client_credentials"),
        (Ways.federated_token, "client_credentials"),
        (Ways.token_exchange, EXCHANGE),
        (Ways.service_account, "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        (Ways.service_account_without_a_key, "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        (Ways.managed_identity, "/metadata/identity/oauth2/token"),
        (Ways.refresh_token, "refresh_token"),
    ],
)
def test_a_token_without_a_person_signs_in_at_dovecot(
    mechanism: str,
    way: Callable[[Ways], Fields],
    grant: str,
    ways: Ways,
    dovecot: Dovecot,
    postfix: Postfix,
    provider: OpenIdProvider,
    certificates: Certificates,
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, sasl_mechanism=mechanism, **way(ways))
    run = _send(fields)
    assert run.succeeded, run.message
    assert (run.data["auth_method"], run.data["auth_mechanism"]) == ("OAuth", mechanism)
    assert f"Login: user=<{fields['username']}>, method={mechanism}" in dovecot.log
    postfix.mailboxes.wait_for(BOB, run.data["message_id"])
    before = len(provider.grants)
    assert provider.grants[-1].grant == grant
    assert _send(fields).succeeded
    assert len(provider.grants) == before, "the token is kept"


@pytest.mark.parametrize("mechanism", BEARER_MECHANISMS)
def test_a_code_entered_elsewhere_signs_in_at_dovecot(
    mechanism: str,
    ways: Ways,
    dovecot: Dovecot,
    postfix: Postfix,
    provider: OpenIdProvider,
    certificates: Certificates,
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, sasl_mechanism=mechanism, **ways.device_code())
    fields["sender_address"] = ALICE
    people: list[threading.Thread] = []

    def progress(text: str) -> None:
        if link := re.search(r"or open (https\S+)", text):
            authority = str(certificates.certificate)
            people.append(threading.Thread(target=agree_to_code, args=(link[1], authority, ALICE)))
            people[0].start()

    tested = act("test_connectivity", fields, asset_id="in", progress=progress)
    assert tested.succeeded, tested.message
    people[0].join(60)
    assert f"Login: user=<{ALICE}>, method={mechanism}" in dovecot.log
    run = _send(fields)
    assert run.succeeded, run.message
    assert run.data["auth_mechanism"] == mechanism
    postfix.mailboxes.wait_for(BOB, run.data["message_id"])


def test_on_the_command_line_a_person_reads_the_code_and_enters_it_elsewhere(
    ways: Ways, dovecot: Dovecot, certificates: Certificates, tmp_path: Path
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, **ways.device_code())
    fields["sender_address"] = ALICE
    (tmp_path / "asset.json").write_text(json.dumps(fields))
    command = [sys.executable, "smtp_connector.py", "run", "test connectivity", "--asset"]
    with subprocess.Popen(
        [*command, str(tmp_path / "asset.json")],
        cwd=ROOT,
        env={**os.environ, HOME_VARIABLE: str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        shown = ""
        while not (link := re.search(r"or open (https\S+)", shown)):
            line = process.stderr.readline()
            assert line, shown
            shown += line
        agree_to_code(link[1], str(certificates.certificate), ALICE)
        shown += process.stderr.read()
        document = json.load(process.stdout)
    assert (process.returncode, document["status"]) == (0, "success"), shown
    assert f"Login: user=<{ALICE}>" in dovecot.log


@pytest.mark.parametrize(
    ("claims", "said"),
    [({"aud": "somebody else"}, "subject_token is not valid"), ({"exp": 1}, "subject_token is not valid")],
)
def test_a_workload_s_token_that_is_not_good_is_the_provider_s_refusal(
    claims: Fields,
    said: str,
    ways: Ways,
    dovecot: Dovecot,
    provider: OpenIdProvider,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, **ways.token_exchange())
    token = provider.workload_token(ALICE, **claims)
    (tmp_path / "token").write_text(token)
    run = _send(fields)
    assert not run.succeeded
    assert run.data["outcome"] == "not sent"
    assert said in run.result["message"]
    assert "federated_token_file" in run.data["failure"]["hint"]
    assert token not in json.dumps(run.document)


def test_a_workload_that_google_does_not_trust_is_told_where_to_look(
    ways: Ways, dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates, tmp_path: Path
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, **ways.service_account_without_a_key())
    (tmp_path / "token").write_text(provider.workload_token("pod", aud="somebody else"))
    run = _send(fields)
    assert not run.succeeded
    assert "invalid_grant" in run.result["message"]
    assert "workload identity pool" in run.data["failure"]["hint"]
