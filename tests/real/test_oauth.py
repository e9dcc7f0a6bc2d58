"""OAuth against a real provider whose tokens a real mail server checks: grants, rotation, what goes wrong."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth.errors import AuthError
from auth.oauth.method import OAuth
from auth.oauth.sign_in import SignIn
from auth.settings import Login
from smtp.sasl.credentials import BearerCredentials
from tests.auth.keys import PASSWORD, own
from tests.real.certificates import Certificates
from tests.real.connector import Fields, Run, act, asset, command
from tests.real.dovecot import Dovecot, Submission
from tests.real.openid import (
    CERTIFICATE_CLIENT,
    CLIENT_SECRET,
    CONFIDENTIAL_CLIENT,
    DEVICE_CLIENT,
    PUBLIC_CLIENT,
    SERVICE_CLIENT,
    SHORT_LIFETIME,
    OpenIdProvider,
)
from tests.real.people import ALICE, BOB
from tests.real.postfix import Postfix
from tests.real.services import BEARER_MECHANISMS, LOGIN_BY, LOGIN_SSL
from tests.real.sign_in import agree_to_code, refresh_token

ROBOT = f"{SERVICE_CLIENT}@example.com"


def _send(fields: Fields, asset_id: str = "77") -> Run:
    return act("send_email", fields, {"to": BOB, "subject": "By token", "body": "Hello"}, asset_id=asset_id)


def _as_robot(provider: OpenIdProvider) -> Fields:
    return {
        "username": ROBOT,
        "client_id": SERVICE_CLIENT,
        "client_secret": CLIENT_SECRET,
        "token_url": provider.token_url,
        "scopes": "smtp",
    }


def _as_alice(provider: OpenIdProvider, certificates: Certificates, client: str = PUBLIC_CLIENT) -> Fields:
    """Asset fields with a refresh token that Alice's sign-in gave."""
    secret = {"client_secret": CLIENT_SECRET} if client == CONFIDENTIAL_CLIENT else {}
    token = refresh_token(provider, str(certificates.certificate), client, ALICE)
    return {
        "username": ALICE,
        "client_id": client,
        "token_url": provider.token_url,
        "refresh_token": token,
        **secret,
    }


def _delivered(run: Run, postfix: Postfix) -> str:
    assert run.succeeded, run.message
    assert run.data["auth_method"] == "OAuth"
    return postfix.mailboxes.wait_for(BOB, run.data["message_id"]).added["received"]


@pytest.mark.parametrize("mechanism", BEARER_MECHANISMS)
def test_client_credentials_sign_in_at_postfix_by(
    mechanism: str, dovecot: Dovecot, postfix: Postfix, provider: OpenIdProvider, certificates: Certificates
) -> None:
    service = LOGIN_BY[mechanism]
    run = _send(asset(postfix.port(service), "starttls", certificates, **_as_robot(provider)))
    assert f"(Authenticated sender: {ROBOT})" in _delivered(run, postfix)
    assert run.data["auth_mechanism"] == mechanism


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_client_credentials_sign_in_at_dovecot(
    tls: str, dovecot: Dovecot, postfix: Postfix, provider: OpenIdProvider, certificates: Certificates
) -> None:
    port = dovecot.port if tls == "starttls" else dovecot.tls_port
    run = _send(asset(port, tls, certificates, **_as_robot(provider)))
    _delivered(run, postfix)
    assert f"Login: user=<{ROBOT}>, method={run.data['auth_mechanism']}" in dovecot.log


@pytest.mark.parametrize("mechanism", BEARER_MECHANISMS)
def test_an_application_s_certificate_signs_in_at_postfix_by(
    mechanism: str, dovecot: Dovecot, postfix: Postfix, provider: OpenIdProvider, certificates: Certificates
) -> None:
    application = {
        "username": f"{CERTIFICATE_CLIENT}@example.com",
        "client_id": CERTIFICATE_CLIENT,
        "oauth_certificate": own().locked_pem,
        "oauth_certificate_password": PASSWORD,
        "token_url": provider.token_url,
        "scopes": "smtp",
    }
    run = _send(
        asset(postfix.port(LOGIN_BY[mechanism]), "starttls", certificates, **application), asset_id="78"
    )
    assert f"(Authenticated sender: {CERTIFICATE_CLIENT}@example.com)" in _delivered(run, postfix)
    assert run.data["auth_mechanism"] == mechanism


@pytest.mark.parametrize("mechanism", BEARER_MECHANISMS)
def test_a_workload_s_token_signs_in_at_postfix_by(
    mechanism: str,
    dovecot: Dovecot,
    postfix: Postfix,
    provider: OpenIdProvider,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    """The statement that a platform signed stands where a secret would (RFC 7523 section 2.2)."""
    now = int(time.time())
    claims = {"iss": CERTIFICATE_CLIENT, "sub": CERTIFICATE_CLIENT, "aud": provider.issuer, "jti": mechanism}
    key = RSAKey.import_key(own().key_pem)
    path = tmp_path / "token"
    path.write_text(jwt.encode({"alg": "RS256"}, {**claims, "iat": now, "exp": now + 300}, key) + "\n")
    workload = {
        "username": f"{CERTIFICATE_CLIENT}@example.com",
        "client_id": CERTIFICATE_CLIENT,
        "federated_token_file": str(path),
        "token_url": provider.token_url,
        "scopes": "smtp",
    }
    run = _send(asset(postfix.port(LOGIN_BY[mechanism]), "starttls", certificates, **workload), asset_id="79")
    assert f"(Authenticated sender: {CERTIFICATE_CLIENT}@example.com)" in _delivered(run, postfix)
    assert run.data["auth_mechanism"] == mechanism


def test_a_certificate_that_is_not_the_application_s_is_refused(
    provider: OpenIdProvider, certificates: Certificates
) -> None:
    login = Login(
        id="1",
        server="localhost",
        port=587,
        username=f"{CERTIFICATE_CLIENT}@example.com",
        client_id=CERTIFICATE_CLIENT,
        oauth_certificate=own("P-256").pem,
        token_url=provider.token_url,
        scopes="smtp",
        ca_bundle=str(certificates.certificate),
    )
    with pytest.raises(AuthError) as caught:
        OAuth(login).get_credentials(lambda _: None)
    assert caught.value.oauth_error == "invalid_client"


def test_a_person_signs_in_with_a_code_and_the_token_is_refreshed_from_then_on(
    provider: OpenIdProvider, certificates: Certificates
) -> None:
    authority = str(certificates.certificate)
    login = Login(
        id="1",
        server="localhost",
        port=587,
        username=ALICE,
        client_id=DEVICE_CLIENT,
        device_code=True,
        device_url=provider.device_url,
        token_url=provider.token_url,
        scopes="openid offline_access smtp",
        ca_bundle=authority,
    )
    people: list[threading.Thread] = []

    def progress(text: str) -> None:
        link = re.search(r"or open (https\S+)", text)
        if link:
            people.append(threading.Thread(target=agree_to_code, args=(link[1], authority, ALICE)))
            people[0].start()

    before = len(provider.grants)
    method = OAuth(login, sign_in=SignIn(cancelled=lambda: False))
    first = method.get_credentials(progress)
    people[0].join(20)
    assert method.renew(progress) is True
    second = method.get_credentials(progress)
    assert isinstance(first, BearerCredentials)
    assert isinstance(second, BearerCredentials)
    assert first.token != second.token
    granted = [grant.grant for grant in provider.grants[before:] if grant.error is None]
    assert granted == ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]


def test_a_token_is_used_until_it_ends(
    dovecot: Dovecot, postfix: Postfix, provider: OpenIdProvider, certificates: Certificates
) -> None:
    before = len(provider.grants)
    fields = asset(dovecot.port, "starttls", certificates, **_as_robot(provider))
    for _ in range(3):
        _delivered(_send(fields), postfix)
    assert [grant.grant for grant in provider.grants[before:]] == ["client_credentials"]


@pytest.mark.parametrize("client", [PUBLIC_CLIENT, CONFIDENTIAL_CLIENT])
def test_a_refresh_token_of_the_asset_signs_in(
    client: str, dovecot: Dovecot, postfix: Postfix, provider: OpenIdProvider, certificates: Certificates
) -> None:
    fields = asset(postfix.port(LOGIN_SSL), "ssl", certificates, **_as_alice(provider, certificates, client))
    assert f"(Authenticated sender: {ALICE})" in _delivered(_send(fields), postfix)
    _delivered(_send(fields), postfix)


@pytest.mark.parametrize("client", [PUBLIC_CLIENT, CONFIDENTIAL_CLIENT])
def test_rotated_refresh_tokens_are_followed(
    client: str,
    short_lived: OpenIdProvider,
    submission: Submission,
    postfix: Postfix,
    certificates: Certificates,
) -> None:
    with submission(short_lived.introspection) as server:
        fields = asset(server.port, "starttls", certificates, **_as_alice(short_lived, certificates, client))
        for _ in range(3):
            _delivered(_send(fields), postfix)
            time.sleep(SHORT_LIFETIME + 0.5)
    refreshes = [grant for grant in short_lived.grants if grant.grant == "refresh_token"]
    assert [grant.error for grant in refreshes] == [None] * 3


def test_twelve_processes_make_one_refresh(
    certificates: Certificates,
    postfix: Postfix,
    provider: OpenIdProvider,
    dovecot: Dovecot,
    tmp_path: Path,
) -> None:
    config = tmp_path / "asset.json"
    fields = asset(dovecot.port, "starttls", certificates, **_as_alice(provider, certificates))
    config.write_text(json.dumps(fields))
    folder = tmp_path / "shared"
    assert command("asset", "add", "mail", "--config", str(config), home=folder).code == 0
    before = len(provider.grants)
    parameters = json.dumps({"to": BOB, "subject": "Together", "body": "Hello"})

    def send(_: int) -> int:
        return command("run", "send email", "--asset", "mail", "--params", parameters, home=folder).code

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(send, range(12))) == [0] * 12
    assert [(grant.grant, grant.error) for grant in provider.grants[before:]] == [("refresh_token", None)]


def test_a_token_that_the_server_no_longer_takes_is_renewed_once(
    short_lived: OpenIdProvider, submission: Submission, postfix: Postfix, certificates: Certificates
) -> None:
    with submission(short_lived.introspection) as server:
        fields = asset(server.port, "starttls", certificates, **_as_robot(short_lived))
        _delivered(_send(fields), postfix)
        short_lived.forget_everything()
        before = len(short_lived.grants)
        _delivered(_send(fields), postfix)
        assert [grant.grant for grant in short_lived.grants[before:]] == ["client_credentials"]


def test_a_login_that_the_token_is_not_for_is_refused_with_the_reason(
    dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates
) -> None:
    before = len(provider.grants)
    fields = asset(dovecot.port, "starttls", certificates, **_as_robot(provider) | {"username": BOB})
    run = _send(fields)
    assert not run.succeeded
    failure = run.data["failure"]
    assert (failure["step"], failure["code"], failure["category"]) == ("AUTH", 535, "authentication")
    assert "invalid_token" in run.result["message"]
    assert run.data["outcome"] == "not sent"
    # One sign-in, and after the refusal one more try; then it stops.
    assert [grant.grant for grant in provider.grants[before:]] == ["client_credentials"] * 2


def test_a_refresh_token_that_was_used_elsewhere_asks_for_a_new_sign_in(
    dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates
) -> None:
    fields = asset(dovecot.port, "starttls", certificates, **_as_alice(provider, certificates))
    assert _send(fields, asset_id="1").succeeded
    run = _send(fields, asset_id="2")
    assert not run.succeeded
    failure = run.data["failure"]
    assert failure["category"] == "authentication"
    assert "invalid_grant" in run.result["message"]
    assert "sign in again" in failure["hint"]
    assert run.data["outcome"] == "not sent"


def test_a_wrong_client_secret_is_named_and_not_shown(
    dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates
) -> None:
    wrong = "canary-77aa12"
    fields = asset(dovecot.port, "starttls", certificates, **_as_robot(provider) | {"client_secret": wrong})
    run = _send(fields)
    assert not run.succeeded
    assert run.data["failure"]["category"] == "configuration"
    assert "client_secret" in run.data["failure"]["hint"]
    assert wrong not in json.dumps(run.document) + "".join(run.progress)


def test_an_unknown_authority_of_the_provider_is_not_trusted(
    dovecot: Dovecot, provider: OpenIdProvider, certificates: Certificates, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    fields = asset(dovecot.port, "starttls", certificates, **_as_robot(provider))
    before = len(provider.grants)
    run = _send(fields | {"ca_bundle": str(Certificates(stranger).certificate)})
    assert not run.succeeded
    assert run.data["outcome"] == "not sent"
    assert len(provider.grants) == before
