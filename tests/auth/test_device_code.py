"""A person signs in with a code on another device."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from auth.errors import AuthError, Step
from auth.oauth.method import OAuth
from auth.oauth.sign_in import SignIn
from auth.settings import Login
from smtp.errors import Category
from tests.auth.helpers import CANARY, KeptState, login, token_of
from tests.auth.keys import own
from tests.support.token_endpoint import TokenEndpoint


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def state() -> KeptState:
    return KeptState()


def device(provider: TokenEndpoint, **fields: Any) -> Login:
    return login(
        provider, **({"device_code": True, "device_url": provider.device_url, "scopes": "mail"} | fields)
    )


def asking() -> SignIn:
    return SignIn(cancelled=lambda: False)


def error_of(settings: Login, state: KeptState, asks: SignIn | None = None) -> AuthError:
    with pytest.raises(AuthError) as caught:
        OAuth(settings, state, asks or asking()).get_credentials(lambda _: None)
    assert "device-" not in f"{caught.value} {caught.value.hint}", "the device code is a secret"
    return caught.value


def test_a_person_is_told_the_address_and_the_code_and_signs_in_once(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.before_approval = ["authorization_pending", "authorization_pending"]
    settings = device(provider)
    texts: list[str] = []
    OAuth(settings, state, asking()).get_credentials(texts.append)
    assert texts == [
        f"To sign in as ann@example.com, open {provider.url}/activate on any device within 15 min "
        "and enter the code WDJB-MJHT"
    ]
    began, *asked = provider.requests
    assert (began.path, began.form) == ("/device", {"client_id": "app", "scope": "mail"})
    assert {request.form["grant_type"] for request in asked} == {
        "urn:ietf:params:oauth:grant-type:device_code"
    }
    assert len(asked) == 3
    state.change(refresh_at=0)
    assert token_of(settings, state) == provider.access_tokens[-1]
    assert len(provider.grants("refresh_token")) == 1


def test_a_link_that_holds_the_code_is_shown_too(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.device = {"verification_uri_complete": "https://id.example/activate?code=WDJB-MJHT"}
    texts: list[str] = []
    OAuth(device(provider), state, asking()).get_credentials(texts.append)
    assert texts[0].endswith(", or open https://id.example/activate?code=WDJB-MJHT")


def test_a_link_that_is_no_page_is_not_shown(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.device = {"verification_uri_complete": "javascript:alert(1)"}
    texts: list[str] = []
    OAuth(device(provider), state, asking()).get_credentials(texts.append)
    assert texts[0].endswith("enter the code WDJB-MJHT")


def test_the_address_may_have_the_name_that_google_gives_it(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.device = {
        "verification_uri": None,
        "verification_url": "https://google.example/device",
    }
    texts: list[str] = []
    OAuth(device(provider), state, asking()).get_credentials(texts.append)
    assert "open https://google.example/device on any device" in texts[0]


@pytest.mark.parametrize("secret_in", [("body",), ("header",)])
def test_a_client_with_a_secret_shows_it_where_the_provider_wants_it(
    secret_in: tuple[str, ...], provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.client_secret, provider.behaviour.secret_in = CANARY, secret_in
    OAuth(device(provider, client_secret=CANARY), state, asking()).get_credentials(lambda _: None)
    assert token_of(device(provider, client_secret=CANARY), state) == provider.access_tokens[-1]


def test_a_client_with_a_certificate_shows_that(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.application_key = own().public
    OAuth(device(provider, oauth_certificate=own().pem), state, asking()).get_credentials(lambda _: None)
    assert provider.requests[-1].claims["sub"] == "app"


def test_a_provider_that_is_asked_too_often_is_asked_less_often(
    provider: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.oauth.device._SLOWER", 0.4)
    provider.behaviour.before_approval = ["slow_down"]
    began = time.monotonic()
    OAuth(device(provider), state, asking()).get_credentials(lambda _: None)
    assert time.monotonic() - began > 0.4


def test_a_provider_that_is_busy_for_a_while_does_not_end_the_sign_in(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.before_approval = ["temporarily_unavailable", "authorization_pending"]
    OAuth(device(provider), state, asking()).get_credentials(lambda _: None)
    assert token_of(device(provider), state) == provider.access_tokens[-1]


def test_nobody_enters_the_code(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.device = {"expires_in": 1}
    provider.behaviour.before_approval = ["authorization_pending"] * 100
    error = error_of(device(provider), state)
    assert str(error) == "Nobody signed in with the code WDJB-MJHT in time."
    assert (error.step, error.category) == (Step.SIGN_IN, Category.AUTHENTICATION)


@pytest.mark.parametrize(
    ("refusal", "category"),
    [
        ("access_denied", Category.AUTHENTICATION),
        ("invalid_grant", Category.AUTHENTICATION),
        ("unauthorized_client", Category.CONFIGURATION),
    ],
)
def test_a_refusal_ends_it(
    refusal: str, category: Category, provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.before_approval = [refusal]
    error = error_of(device(provider), state)
    assert (error.oauth_error, error.category) == (refusal, category)


def test_a_code_that_has_expired_is_nobody_s_sign_in(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.before_approval = ["expired_token"]
    assert str(error_of(device(provider), state)).startswith("Nobody signed in")


def test_waiting_ends_when_the_run_is_cancelled(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.before_approval = ["authorization_pending"] * 100
    began = time.monotonic()
    error = error_of(device(provider), state, SignIn(cancelled=lambda: time.monotonic() > began + 0.3))
    assert error.category is Category.CANCELLED
    assert time.monotonic() - began < 5


def test_without_anybody_who_could_be_asked_it_says_so(provider: TokenEndpoint, state: KeptState) -> None:
    with pytest.raises(AuthError, match="Nobody has signed in yet") as caught:
        token_of(device(provider), state)
    assert caught.value.hint == "Run test connectivity to sign in."
    assert provider.requests == []


def test_a_provider_that_is_not_known_needs_the_address_to_begin_at(
    provider: TokenEndpoint, state: KeptState
) -> None:
    error = error_of(device(provider, device_url=""), state)
    assert str(error) == "device_code needs one more field: device_url."
    assert "has to begin with https" in str(
        error_of(device(provider, device_url="http://id.example/device"), state)
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"device_code": None},
        {"device_code": 5},
        {"user_code": None},
        {"user_code": {}},
        {"verification_uri": None},
        {"verification_uri": ""},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": " Data:text/html,x"},
    ],
)
def test_an_answer_without_a_code_or_an_address_is_no_beginning(
    answer: dict[str, object], provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.device = answer
    error = error_of(device(provider), state)
    assert "lacks the code or the address" in str(error)
    assert (error.step, error.category) == (Step.SIGN_IN, Category.PROTOCOL)


@pytest.mark.parametrize("interval", ["0.05", None, "soon", -1, True, float("nan"), [5]])
def test_an_interval_of_any_shape_is_lived_with(
    interval: object, provider: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.oauth.device.MAX_INTERVAL", 0.05)
    provider.behaviour.device = {"interval": interval}
    OAuth(device(provider), state, asking()).get_credentials(lambda _: None)
    assert token_of(device(provider), state) == provider.access_tokens[-1]


def test_what_a_stranger_puts_into_code_and_address_is_shown_as_text(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.device = {
        "user_code": "A\x1b[2J\u202eB",
        "verification_uri": "https://id.example/\r\nx",
    }
    texts: list[str] = []
    OAuth(device(provider), state, asking()).get_credentials(texts.append)
    assert texts[0].isprintable()
