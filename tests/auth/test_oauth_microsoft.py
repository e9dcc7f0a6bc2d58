"""Microsoft's clouds, through MSAL, over https and a proxy that leads their names to an authority of the tests."""

from __future__ import annotations

import base64
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes

from auth.errors import AuthError, Step
from auth.oauth.method import OAuth
from auth.oauth.select import provider_of
from auth.oauth.sign_in import SignIn, begin, new_state
from auth.oauth.store import TokenStore
from auth.settings import Login
from smtp.errors import Category
from tests.auth.helpers import CANARY, KeptState, login, token_of
from tests.auth.keys import PASSWORD, own
from tests.support.authority import authority
from tests.support.token_endpoint import Proxy, TokenEndpoint

HOST = "login.microsoftonline.com"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenEndpoint]:
    with TokenEndpoint(tls=authority().server(HOST)) as provider, Proxy(provider.port) as proxy:
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        provider.behaviour.iss = ""
        yield provider


@pytest.fixture
def state() -> KeptState:
    return KeptState()


def tenant(**fields: Any) -> Login:
    values: dict[str, Any] = {
        "client_id": "app",
        "token_url": f"https://{HOST}/contoso/oauth2/v2.0/token",
        "ca_bundle": authority().pem,
    }
    return login(**(values | fields))


def signed_in(provider: TokenEndpoint, settings: Login, state: KeptState) -> OAuth:
    """A method whose token came from a sign-in in a browser."""

    def progress(text: str) -> None:
        match = re.search(r"https\S+", text)
        if match:
            query = dict(parse_qsl(urlsplit(match[0]).query))
            threading.Thread(target=requests.get, args=(provider.authorize(query),), daemon=True).start()

    method = OAuth(settings, state, SignIn(cancelled=lambda: False, wait=5))
    method.get_credentials(progress)
    return method


def test_an_application_gets_its_token_for_the_default_scope(cloud: TokenEndpoint, state: KeptState) -> None:
    cloud.behaviour.client_secret = CANARY
    token = token_of(tenant(client_secret=CANARY), state)
    (request,) = cloud.requests
    assert token == cloud.access_tokens[-1]
    assert request.path == "/contoso/oauth2/v2.0/token"
    assert request.form["grant_type"] == "client_credentials"
    assert request.form["scope"] == "https://outlook.office365.com/.default"
    assert token_of(tenant(client_secret=CANARY), state) == token
    assert len(cloud.requests) == 1


def test_a_refused_token_of_an_application_is_asked_for_anew_and_not_taken_from_a_cache(
    cloud: TokenEndpoint, state: KeptState
) -> None:
    cloud.behaviour.client_secret = CANARY
    method = OAuth(tenant(client_secret=CANARY), state)
    method.get_credentials(lambda _: None)
    assert method.renew(lambda _: None) is True
    assert len(cloud.requests) == 2


def test_the_link_is_microsofts_with_pkce_and_the_scope_for_sending(
    cloud: TokenEndpoint, state: KeptState
) -> None:
    settings = tenant(auth_url=f"https://{HOST}/contoso/oauth2/v2.0/authorize")
    link = begin(
        provider_of(settings),
        TokenStore(settings, state),
        "http://localhost:1/",
        new_state(settings),
    )
    query = dict(parse_qsl(urlsplit(link).query))
    assert link.startswith(f"https://{HOST}/contoso/oauth2/v2.0/authorize?")
    assert query["code_challenge_method"] == "S256"
    assert query["state"].startswith("7:")
    assert query["login_hint"] == "ann@example.com"
    assert {"https://outlook.office.com/SMTP.Send", "offline_access"} <= set(query["scope"].split())


def test_a_sign_in_is_refreshed_from_then_on_with_what_msal_kept(
    cloud: TokenEndpoint, state: KeptState
) -> None:
    settings = tenant(auth_url=f"https://{HOST}/contoso/oauth2/v2.0/authorize")
    signed_in(cloud, settings, state)
    for _ in range(2):
        state.change(refresh_at=0)
        assert token_of(settings, state) == cloud.access_tokens[-1]
    sent = [request.form["refresh_token"] for request in cloud.grants("refresh_token")]
    assert len(set(sent)) == 2
    assert state.load()["oauth"]["token"]["memory"], "MSAL's own cache"


def test_a_refused_token_is_refreshed_once(cloud: TokenEndpoint, state: KeptState) -> None:
    method = signed_in(cloud, tenant(auth_url=f"https://{HOST}/contoso/oauth2/v2.0/authorize"), state)
    assert [method.renew(lambda _: None), method.renew(lambda _: None)] == [True, False]
    assert len(cloud.grants("refresh_token")) == 1


def test_a_refresh_token_of_the_asset_is_the_start(cloud: TokenEndpoint, state: KeptState) -> None:
    settings = tenant(refresh_token=cloud.give_refresh_token())
    token_of(settings, state)
    state.change(refresh_at=0)
    assert token_of(settings, state) == cloud.access_tokens[-1]
    sent = [request.form["refresh_token"] for request in cloud.grants("refresh_token")]
    assert sent[0] == settings.refresh_token
    assert len(set(sent)) == 2


def test_a_public_client_sends_no_secret(cloud: TokenEndpoint, state: KeptState) -> None:
    token_of(tenant(refresh_token=cloud.give_refresh_token()), state)
    assert "client_secret" not in cloud.requests[-1].form


@pytest.mark.parametrize("expires_in", ["3599", "3599.5", 3599.5, None, "soon", -1])
def test_lifetimes_that_msal_does_not_expect_are_survived(
    expires_in: object, cloud: TokenEndpoint, state: KeptState
) -> None:
    cloud.behaviour.expires_in = expires_in
    assert token_of(tenant(refresh_token=cloud.give_refresh_token()), state) == cloud.access_tokens[-1]


def test_what_is_wrong_is_said_with_the_setting_and_without_the_secret(
    cloud: TokenEndpoint, state: KeptState
) -> None:
    text = f"AADSTS7000215: Invalid client secret provided: {CANARY}. Trace ID: 1\r\nCorrelation ID: 2"
    cloud.behaviour.error = {"error": "invalid_client", "error_description": text, "error_codes": [7000215]}
    with pytest.raises(AuthError) as caught:
        token_of(tenant(client_secret=CANARY), state)
    error = caught.value
    assert (error.step, error.category, error.oauth_error) == (
        Step.TOKEN,
        Category.CONFIGURATION,
        "invalid_client",
    )
    assert error.hint == "client_secret is wrong: take the secret's value, not its id."
    assert CANARY not in str(error) + error.hint


def test_a_dead_refresh_token_is_known_by_its_code(cloud: TokenEndpoint, state: KeptState) -> None:
    with pytest.raises(AuthError) as caught:
        token_of(tenant(refresh_token="dead"), state)
    assert caught.value.oauth_error == "invalid_grant"
    assert "sign in again" in caught.value.hint


def test_a_tenant_that_does_not_exist_is_named(
    cloud: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "discovery", lambda host, tenant: {"error": "invalid_tenant"})
    with pytest.raises(AuthError) as caught:
        token_of(tenant(refresh_token="x"), state)
    assert f"https://{HOST}/contoso" in str(caught.value)
    assert caught.value.hint == "Check the tenant in token_url."


def test_a_token_endpoint_that_is_not_https_is_refused_even_when_the_tenant_names_it(
    cloud: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = cloud.discovery(HOST, "contoso") | {
        "token_endpoint": f"http://{HOST}/contoso/oauth2/v2.0/token"
    }
    monkeypatch.setattr(cloud, "discovery", lambda host, tenant: published)
    with pytest.raises(AuthError, match="https"):
        token_of(tenant(refresh_token="x"), state)
    assert cloud.requests == []


# -- logins that ask nobody, and a code for another device ------------------------------------------------------


@pytest.mark.parametrize("form", ["pem", "locked_pem", "pkcs12_text"])
def test_a_certificate_proves_the_application_to_microsoft(
    form: str, cloud: TokenEndpoint, state: KeptState
) -> None:
    cloud.behaviour.application_key = own().public
    password = "" if form == "pem" else PASSWORD
    settings = tenant(oauth_certificate=getattr(own(), form), oauth_certificate_password=password)
    assert token_of(settings, state) == cloud.access_tokens[-1]
    (request,) = cloud.requests
    assert request.form["scope"] == "https://outlook.office365.com/.default"
    assert request.claims["aud"].startswith(f"https://{HOST}")
    thumbprint = own().certificate.fingerprint(hashes.SHA256())
    assert request.jose["x5t#S256"].rstrip("=") == base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
    assert request.jose["x5c"], "an authority's certificates can be replaced without registering each"


def test_a_refused_token_of_a_certificate_is_asked_for_anew(cloud: TokenEndpoint, state: KeptState) -> None:
    cloud.behaviour.application_key = own().public
    method = OAuth(tenant(oauth_certificate=own().pem), state)
    method.get_credentials(lambda _: None)
    assert method.renew(lambda _: None) is True
    assert len({request.claims["jti"] for request in cloud.requests}) == 2


def test_a_certificate_with_another_key_than_rsa_is_refused_before_microsoft_is_asked(
    cloud: TokenEndpoint, state: KeptState
) -> None:
    with pytest.raises(AuthError, match="its key is not RSA") as caught:
        token_of(tenant(oauth_certificate=own("P-256").pem), state)
    assert caught.value.step is Step.SETTINGS
    assert cloud.requests == []


def test_a_workload_shows_microsoft_the_token_of_its_platform(
    cloud: TokenEndpoint, state: KeptState, tmp_path: Path
) -> None:
    cloud.behaviour.workload_token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c4nary"
    file = tmp_path / "token"
    file.write_text(cloud.behaviour.workload_token)
    settings = tenant(federated_token_file=str(file))
    assert token_of(settings, state) == cloud.access_tokens[-1]
    cloud.behaviour.error = {
        "error": "invalid_client",
        "error_description": f"AADSTS700213: No matching record for {cloud.behaviour.workload_token}.",
    }
    with pytest.raises(AuthError) as caught:
        token_of(settings, KeptState())
    assert "subject" in caught.value.hint
    assert "c4nary" not in str(caught.value)


def test_a_person_signs_in_to_microsoft_with_a_code(cloud: TokenEndpoint, state: KeptState) -> None:
    cloud.behaviour.device = {"interval": 1, "verification_uri": "https://microsoft.com/devicelogin"}
    cloud.behaviour.before_approval = ["authorization_pending"]
    settings = tenant(device_code=True)
    texts: list[str] = []
    OAuth(settings, state, SignIn(cancelled=lambda: False)).get_credentials(texts.append)
    assert "open https://microsoft.com/devicelogin on any device" in texts[0]
    began, *_ = cloud.requests
    assert began.path == "/contoso/oauth2/v2.0/devicecode"
    assert {"https://outlook.office.com/SMTP.Send", "offline_access"} <= set(began.form["scope"].split())
    state.change(refresh_at=0)
    assert token_of(settings, state) == cloud.access_tokens[-1]
    assert len(cloud.grants("refresh_token")) == 1


def test_a_code_is_for_public_clients_so_no_secret_is_shown(cloud: TokenEndpoint, state: KeptState) -> None:
    cloud.behaviour.device = {"interval": 1}
    settings = tenant(device_code=True, client_secret=CANARY)
    OAuth(settings, state, SignIn(cancelled=lambda: False)).get_credentials(lambda _: None)
    assert not any("client_secret" in request.form for request in cloud.requests)


def test_a_code_that_microsoft_does_not_give_is_its_refusal(cloud: TokenEndpoint, state: KeptState) -> None:
    cloud.behaviour.error = {"error": "unauthorized_client", "error_description": "AADSTS700016: Not found."}
    with pytest.raises(AuthError) as caught:
        OAuth(tenant(device_code=True), state, SignIn(cancelled=lambda: False)).get_credentials(
            lambda _: None
        )
    assert (caught.value.step, caught.value.oauth_error) == (Step.SIGN_IN, "unauthorized_client")
    assert "client_id" in caught.value.hint
