from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from auth.errors import AuthError, Step
from auth.oauth.method import OAuth
from smtp.errors import Category
from tests.auth.helpers import ANN, CANARY, KeptState, login, token_of
from tests.support.token_endpoint import Behaviour, TokenEndpoint


@pytest.fixture
def provider() -> Iterator[TokenEndpoint]:
    with TokenEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def state() -> KeptState:
    return KeptState()


# -- the application itself ------------------------------------------------------------------------------------


def test_client_credentials_are_used_when_there_is_a_secret_and_nothing_else(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.client_secret = CANARY
    token = token_of(login(provider, client_secret=CANARY, scopes="mail  send"), state)
    (request,) = provider.requests
    assert token == provider.access_tokens[-1]
    assert request.form == {
        "grant_type": "client_credentials",
        "scope": "mail send",
        "client_id": "app",
        "client_secret": CANARY,
    }


def test_a_token_is_used_again_as_long_as_it_is_fresh(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.client_secret = CANARY
    settings = login(provider, client_secret=CANARY)
    assert token_of(settings, state) == token_of(settings, state)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("place", ["body", "header"])
def test_the_secret_goes_where_the_provider_wants_it_and_there_at_once_the_next_time(
    place: str, provider: TokenEndpoint, state: KeptState
) -> None:
    secret = "plain-secret"
    provider.behaviour = Behaviour(client_secret=secret, secret_in=(place,))
    settings = login(provider, client_secret=secret, refresh_token=provider.give_refresh_token())
    token_of(settings, state)
    state.change(refresh_at=0)
    before = len(provider.requests)
    token_of(settings, state)
    assert len(provider.requests) == before + 1


def test_a_public_client_sends_its_id_and_no_secret(provider: TokenEndpoint, state: KeptState) -> None:
    token_of(login(provider, refresh_token=provider.give_refresh_token()), state)
    (request,) = provider.requests
    assert request.form["client_id"] == "app"
    assert "client_secret" not in request.form
    assert "authorization" not in request.headers


def test_a_wrong_secret_is_tried_in_both_places_and_then_named(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.client_secret = "right"
    with pytest.raises(AuthError) as caught:
        token_of(login(provider, client_secret=CANARY), state)
    error = caught.value
    assert (error.step, error.category, error.oauth_error) == (
        Step.TOKEN,
        Category.CONFIGURATION,
        "invalid_client",
    )
    assert error.hint == (
        "Check client_id and what proves it: client_secret, or oauth_certificate or federated_token_file, as it is "
        "registered with the provider."
    )
    assert CANARY not in str(error) + state.text
    assert len(provider.requests) == 2


# -- refresh tokens --------------------------------------------------------------------------------------------


def test_a_refresh_token_of_the_asset_is_the_start_and_its_successors_are_remembered(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token(), scopes="mail")
    tokens = []
    for _ in range(3):
        tokens.append(token_of(settings, state))
        state.change(refresh_at=0)
    assert tokens == provider.access_tokens
    sent = [request.form["refresh_token"] for request in provider.grants("refresh_token")]
    assert sent[0] == settings.refresh_token
    assert len(set(sent)) == 3


def test_a_refresh_token_that_is_not_replaced_is_used_again(
    provider: TokenEndpoint, state: KeptState
) -> None:
    provider.behaviour.rotate = False
    settings = login(provider, refresh_token=provider.give_refresh_token())
    token_of(settings, state)
    state.change(refresh_at=0)
    token_of(settings, state)
    assert [request.form["refresh_token"] for request in provider.requests] == [settings.refresh_token] * 2


def test_another_refresh_token_in_the_asset_begins_anew(provider: TokenEndpoint, state: KeptState) -> None:
    token_of(login(provider, refresh_token=provider.give_refresh_token()), state)
    second = login(provider, refresh_token=provider.give_refresh_token())
    assert token_of(second, state) == provider.access_tokens[-1]
    assert provider.requests[-1].form["refresh_token"] == second.refresh_token


@pytest.mark.parametrize("field", ["server", "username"])
def test_a_token_does_not_outlive_the_settings_it_was_obtained_with(
    field: str, provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    token_of(settings, state)
    texts: list[str] = []
    provider.behaviour.rotate = False
    changed: dict[str, Any] = {field: "other.example.com", "refresh_token": settings.refresh_token}
    with pytest.raises(AuthError):  # the asset's own refresh token is used again, and is spent
        OAuth(login(provider, **changed), state).get_credentials(texts.append)
    assert texts[0] == f"Signed out: {field} changed since the token was obtained."


def test_other_scopes_are_asked_for_at_once(provider: TokenEndpoint, state: KeptState) -> None:
    refresh_token = provider.give_refresh_token()
    first = token_of(login(provider, refresh_token=refresh_token, scopes="mail"), state)
    second = token_of(login(provider, refresh_token=refresh_token, scopes="mail send"), state)
    assert first != second
    assert [request.form["scope"] for request in provider.requests] == ["mail", "mail send"]


def test_a_refresh_for_the_same_scopes_does_not_name_them_again(
    provider: TokenEndpoint, state: KeptState
) -> None:
    # The provider may have granted less than was asked for, and would refuse the whole.
    settings = login(provider, refresh_token=provider.give_refresh_token(), scopes="mail")
    token_of(settings, state)
    state.change(refresh_at=0)
    token_of(settings, state)
    assert "scope" not in provider.requests[-1].form


def test_what_is_kept_is_gone_if_it_is_not_what_was_written(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    odd: object
    for odd in ([], "x", {"token": 5}, {"token": {"access_token": 1}}, {"token": {"x": 1}, "bound_to": 3}):
        state.save({"oauth": odd, "other": "kept"})
        provider.behaviour.rotate = False
        assert token_of(settings, state) == provider.access_tokens[-1]
        assert state.load()["other"] == "kept"


def test_passing_trouble_of_the_provider_does_not_stop_a_token_that_still_holds(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    token = token_of(settings, state)
    state.change(refresh_at=0)
    provider.behaviour.answer = lambda sender: sender.say(503, {}, Retry_After="30")
    texts: list[str] = []
    credentials = OAuth(settings, state).get_credentials(texts.append)
    assert token in str(getattr(credentials, "token", ""))
    assert texts[-1].endswith("The token that is there holds for a while yet.")


def test_passing_trouble_with_an_expired_token_is_an_error_worth_a_retry(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    token_of(settings, state)
    state.change(refresh_at=0, expires_at=time.time() - 1)
    provider.behaviour.answer = lambda sender: sender.say(429, {}, Retry_After="30")
    with pytest.raises(AuthError) as caught:
        token_of(settings, state)
    error = caught.value
    assert (error.retryable, error.retry_after, error.category) == (True, 30.0, Category.TEMPORARY)
    provider.behaviour.answer = None
    assert token_of(settings, state) == provider.access_tokens[-1]


def test_a_dead_refresh_token_asks_for_a_sign_in_and_is_not_repeated(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    provider.revoke_all()
    with pytest.raises(AuthError) as caught:
        token_of(settings, state)
    error = caught.value
    assert str(error) == (
        "The provider refused the token request: invalid_grant (The refresh token is not known)."
    )
    assert (error.category, error.oauth_error, error.retryable) == (
        Category.AUTHENTICATION,
        "invalid_grant",
        False,
    )
    assert "Run test connectivity to sign in again" in error.hint
    assert len(provider.requests) == 1


def test_invalid_grant_is_not_believed_before_the_store_was_read_again(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    token_of(settings, state)
    state.change(refresh_at=0)
    elsewhere = state.load()

    def answer(sender: Any) -> None:
        # Another machine, which our lock does not reach, was faster and saved while we asked.
        elsewhere["oauth"]["token"] |= {
            "access_token": "at-of-the-other",
            "refresh_token": "rt-of-the-other",
            "refresh_at": time.time() + 3000,
        }
        state.save(elsewhere)
        sender.say(400, {"error": "invalid_grant"})

    provider.behaviour.answer = answer
    assert token_of(settings, state) == "at-of-the-other"
    assert state.load()["oauth"]["token"]["refresh_token"] == "rt-of-the-other"


# -- after a 535 -----------------------------------------------------------------------------------------------


def test_a_refused_token_is_refreshed_once_and_only_once(provider: TokenEndpoint, state: KeptState) -> None:
    method = OAuth(login(provider, refresh_token=provider.give_refresh_token()), state)
    first = method.get_credentials(lambda _: None)
    assert method.renew(lambda _: None) is True
    second = method.get_credentials(lambda _: None)
    assert first != second
    assert method.renew(lambda _: None) is False
    assert len(provider.requests) == 2


def test_a_refused_token_that_another_process_has_replaced_already_costs_no_request(
    provider: TokenEndpoint, state: KeptState
) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    here, there = OAuth(settings, state), OAuth(settings, state)
    here.get_credentials(lambda _: None)
    there.get_credentials(lambda _: None)
    assert there.renew(lambda _: None) is True
    before = len(provider.requests)
    assert here.renew(lambda _: None) is True
    assert len(provider.requests) == before


def test_a_refused_token_of_an_application_is_replaced_too(provider: TokenEndpoint, state: KeptState) -> None:
    provider.behaviour.client_secret = CANARY
    method = OAuth(login(provider, client_secret=CANARY), state)
    method.get_credentials(lambda _: None)
    assert method.renew(lambda _: None) is True
    assert len(provider.requests) == 2


def test_without_a_state_tokens_live_as_long_as_the_method(provider: TokenEndpoint) -> None:
    method = OAuth(login(provider, refresh_token=provider.give_refresh_token()))
    assert method.get_credentials(lambda _: None) == method.get_credentials(lambda _: None)
    assert len(provider.requests) == 1


def test_a_token_that_can_not_be_saved_serves_this_run_and_says_so(
    provider: TokenEndpoint, state: KeptState, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.behaviour.client_secret = CANARY
    method = OAuth(login(provider, client_secret=CANARY), state)

    def full(_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(state, "save", full)
    texts: list[str] = []
    assert method.get_credentials(texts.append) == method.get_credentials(texts.append)
    assert any("could not be saved (OSError)" in text for text in texts)
    assert len(provider.requests) == 1


def test_nobody_has_signed_in_yet_is_said_with_what_to_do(provider: TokenEndpoint, state: KeptState) -> None:
    with pytest.raises(AuthError) as caught:
        token_of(login(provider, auth_url=provider.auth_url), state)
    assert str(caught.value) == "Nobody has signed in yet, or the sign-in has ended."
    assert caught.value.hint == "Run test connectivity to sign in."
    assert caught.value.step is Step.SIGN_IN
    assert provider.requests == []


def test_the_user_of_the_token_is_the_user_of_the_asset(provider: TokenEndpoint, state: KeptState) -> None:
    settings = login(provider, refresh_token=provider.give_refresh_token())
    credentials = OAuth(settings, state).get_credentials(lambda _: None)
    assert ANN in repr(credentials)
    assert not any(token in repr(credentials) for token in provider.access_tokens)
