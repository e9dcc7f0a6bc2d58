"""MSAL against a real provider that stands where Microsoft's is: its name, its paths, another authority.

No account of Microsoft's can be had for a test, and nothing here leaves this machine.
"""

from __future__ import annotations

import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.auth.keys import PASSWORD, own
from tests.real import browser
from tests.real.certificates import Certificates
from tests.real.connector import Fields, Run, act, asset
from tests.real.dovecot import Dovecot, Submission
from tests.real.openid import (
    CERTIFICATE_CLIENT,
    CLIENT_SECRET,
    CONFIDENTIAL_CLIENT,
    MICROSOFT,
    PUBLIC_CLIENT,
    SERVICE_CLIENT,
    SHORT_LIFETIME,
    OpenIdProvider,
)
from tests.real.people import ALICE, BOB
from tests.real.postfix import Postfix
from tests.real.processes import public_folder
from tests.real.sign_in import refresh_token

_LINK = re.compile(rf"https://{MICROSOFT}:\d+/contoso/oauth2/v2\.0/authorize\?\S+")


@pytest.fixture
def microsoft(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenIdProvider]:
    """The provider under Microsoft's name, which leads to this machine for this process."""
    resolve = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == MICROSOFT else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    certificate = certificates.server(MICROSOFT, "localhost")
    with (
        public_folder("smtp-connector-") as folder,
        OpenIdProvider(
            folder, certificates, certificate, host=MICROSOFT, tenant="contoso", lifetime=SHORT_LIFETIME
        ) as server,
    ):
        yield server


@pytest.fixture
def server(microsoft: OpenIdProvider, submission: Submission) -> Iterator[Dovecot]:
    with submission(microsoft.introspection) as started:
        yield started


def _fields(server: Dovecot, microsoft: OpenIdProvider, certificates: Certificates, **more: str) -> Fields:
    common = {"token_url": microsoft.token_url, "scopes": "smtp", "sender_address": ALICE}
    return asset(server.port, "starttls", certificates, **common | more)


def _send(fields: Fields) -> Run:
    return act("send_email", fields, {"to": BOB, "subject": "By MSAL", "body": "Hello"}, asset_id="365")


def _delivered(run: Run, postfix: Postfix) -> None:
    assert run.succeeded, run.message
    assert run.data["auth_method"] == "OAuth"
    postfix.mailboxes.wait_for(BOB, run.data["message_id"])


def _secret_of(client: str) -> dict[str, str]:
    return {} if client == PUBLIC_CLIENT else {"client_secret": CLIENT_SECRET}


def test_an_application_signs_in_on_its_own_behalf(
    server: Dovecot, microsoft: OpenIdProvider, postfix: Postfix, certificates: Certificates
) -> None:
    fields = _fields(
        server,
        microsoft,
        certificates,
        username=f"{SERVICE_CLIENT}@example.com",
        client_id=SERVICE_CLIENT,
        client_secret=CLIENT_SECRET,
    )
    _delivered(_send(fields), postfix)
    _delivered(_send(fields), postfix)
    assert [grant.grant for grant in microsoft.grants] == ["client_credentials"]


def _assertion(audience: str) -> str:
    """What a platform gives a workload: a short statement that the provider trusts the key of."""
    now = int(time.time())
    claims = {
        "iss": CERTIFICATE_CLIENT,
        "sub": CERTIFICATE_CLIENT,
        "aud": audience,
        "iat": now,
        "exp": now + 300,
    }
    key = RSAKey.import_key(own().key_pem)
    return jwt.encode({"alg": "RS256"}, {**claims, "jti": uuid.uuid4().hex}, key)


@pytest.mark.parametrize("proof", ["a certificate", "a certificate in PKCS#12", "a workload's token"])
def test_an_application_without_a_secret_signs_in_on_its_own_behalf(
    proof: str,
    server: Dovecot,
    microsoft: OpenIdProvider,
    postfix: Postfix,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    """By MSAL for the certificate; with the token of a file for each request anew."""
    token = tmp_path / "token"
    token.write_text(_assertion(microsoft.token_url))
    shown: dict[str, str] = {
        "a certificate": {"oauth_certificate": own().locked_pem, "oauth_certificate_password": PASSWORD},
        "a certificate in PKCS#12": {
            "oauth_certificate": own().pkcs12_text,
            "oauth_certificate_password": PASSWORD,
        },
        "a workload's token": {"federated_token_file": str(token)},
    }[proof]
    account = f"{CERTIFICATE_CLIENT}@example.com"
    fields = _fields(server, microsoft, certificates, username=account, client_id=CERTIFICATE_CLIENT, **shown)
    _delivered(_send(fields), postfix)
    _delivered(_send(fields), postfix)
    assert [(grant.grant, grant.client, grant.error) for grant in microsoft.grants] == [
        ("client_credentials", CERTIFICATE_CLIENT, None)
    ]


@pytest.mark.parametrize("client", [PUBLIC_CLIENT, CONFIDENTIAL_CLIENT])
def test_a_refresh_token_of_the_asset_is_followed_as_it_rotates(
    client: str, server: Dovecot, microsoft: OpenIdProvider, postfix: Postfix, certificates: Certificates
) -> None:
    token = refresh_token(microsoft, str(certificates.certificate), client, ALICE)
    fields = _fields(
        server,
        microsoft,
        certificates,
        username=ALICE,
        client_id=client,
        refresh_token=token,
        **_secret_of(client),
    )
    for _ in range(3):
        _delivered(_send(fields), postfix)
        time.sleep(SHORT_LIFETIME + 0.5)
    refreshes = [grant for grant in microsoft.grants if grant.grant == "refresh_token"]
    assert [grant.error for grant in refreshes] == [None] * 3


@pytest.mark.parametrize("client", [PUBLIC_CLIENT, CONFIDENTIAL_CLIENT])
def test_a_person_signs_in_once(
    client: str, server: Dovecot, microsoft: OpenIdProvider, postfix: Postfix, certificates: Certificates
) -> None:
    fields = _fields(
        server,
        microsoft,
        certificates,
        username=ALICE,
        client_id=client,
        auth_url=microsoft.auth_url,
        **_secret_of(client),
    )
    connectivity = _Connectivity(fields)
    browser.sign_in(connectivity.link(), ALICE)
    assert connectivity.finish().succeeded
    time.sleep(SHORT_LIFETIME + 0.5)
    _delivered(_send(fields), postfix)
    assert [(grant.grant, grant.error) for grant in microsoft.grants] == [
        ("authorization_code", None),
        ("refresh_token", None),
    ]


class _Connectivity:
    """Test connectivity in a thread: the link that it shows leads to this machine in this process only."""

    def __init__(self, fields: Fields) -> None:
        self._runs: list[Run] = []
        self._told: list[str] = []
        self._thread = threading.Thread(target=lambda: self._runs.append(self._run(fields)))
        self._thread.start()

    def link(self) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._thread.is_alive():
            if found := _LINK.search("\n".join(self._told)):
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"No link was shown: {self._told} {[run.message for run in self._runs]}")

    def finish(self) -> Run:
        self._thread.join(60)
        (run,) = self._runs
        return run

    def _run(self, fields: Fields) -> Run:
        return act("test_connectivity", fields, asset_id="365", progress=self._told.append)
