from __future__ import annotations

import time
from typing import Any

import pytest

from auth.errors import AuthError, Step
from auth.oauth.token import DEFAULT_LIFETIME, MAX_LIFETIME, Token, granted, lifetime


def given(answer: dict[str, Any], asked_at: float | None = None) -> Token:
    return granted(answer, asked_at=time.time() if asked_at is None else asked_at, scopes="mail")


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (3600, 3600),
        (3599.7, 3599),
        ("3599", 3599),
        ("3599.9", 3599),
        (" 120 ", 120),
        (None, DEFAULT_LIFETIME),
        ("", DEFAULT_LIFETIME),
        ("soon", DEFAULT_LIFETIME),
        (0, DEFAULT_LIFETIME),
        (-5, DEFAULT_LIFETIME),
        ("NaN", DEFAULT_LIFETIME),
        (float("inf"), DEFAULT_LIFETIME),
        (True, DEFAULT_LIFETIME),
        ([3600], DEFAULT_LIFETIME),
        ({}, DEFAULT_LIFETIME),
        (10**400, DEFAULT_LIFETIME),
        (10**12, MAX_LIFETIME),
    ],
)
def test_expires_in_is_understood_as_providers_send_it(expires_in: object, seconds: int) -> None:
    assert lifetime(expires_in) == seconds


@pytest.mark.parametrize(("seconds", "ahead"), [(3600, 300), (1500, 300), (100, 20), (10, 2)])
def test_a_token_is_refreshed_ahead_of_its_end_but_not_as_soon_as_it_is_there(
    seconds: int, ahead: float
) -> None:
    token = given({"access_token": "at", "expires_in": seconds}, asked_at=1_000.0)
    assert token.expires_at == 1_000 + seconds
    assert token.expires_at - token.refresh_at == pytest.approx(ahead)


def test_a_token_goes_from_fresh_to_usable_to_expired() -> None:
    now = time.time()
    fresh = given({"access_token": "at", "expires_in": 3600})
    due = given({"access_token": "at", "expires_in": 3600}, asked_at=now - 3400)
    expired = given({"access_token": "at", "expires_in": 3600}, asked_at=now - 3601)
    assert [token.is_fresh("mail") for token in (fresh, due, expired)] == [True, False, False]
    assert [token.is_usable() for token in (fresh, due, expired)] == [True, True, False]


def test_a_token_for_other_scopes_is_not_fresh() -> None:
    assert not given({"access_token": "at"}).is_fresh("mail calendar")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": None},
        {"access_token": ["at"]},
        {"access_token": "two words"},
        {"access_token": "line\r\nMAIL FROM:<x@y>"},
        {"access_token": "schlüssel"},
        {"access_token": "at", "token_type": "mac"},
        {"access_token": "at", "token_type": 7},
    ],
)
def test_an_answer_without_a_bearer_token_is_an_error_that_quotes_nothing(answer: dict[str, Any]) -> None:
    with pytest.raises(AuthError) as caught:
        given(answer)
    assert caught.value.step is Step.TOKEN
    assert "MAIL" not in str(caught.value)


def test_the_type_of_a_token_is_compared_without_regard_to_case() -> None:
    assert given({"access_token": "at", "token_type": "bearer"}).access_token == "at"


def test_a_refresh_token_is_kept_until_another_one_comes() -> None:
    kept = granted({"access_token": "at"}, asked_at=0, scopes="", refresh_token="first")
    replaced = granted(
        {"access_token": "at", "refresh_token": "second"}, asked_at=0, scopes="", refresh_token="first"
    )
    odd = granted({"access_token": "at", "refresh_token": 5}, asked_at=0, scopes="", refresh_token="first")
    assert [token.refresh_token for token in (kept, replaced, odd)] == ["first", "second", "first"]


def test_a_token_survives_being_written_down() -> None:
    token = given({"access_token": "at", "refresh_token": "rt", "expires_in": 60})
    assert Token.parse(token.as_dict()) == token


@pytest.mark.parametrize(
    "values",
    [None, [], "x", {"access_token": 5}, {"unknown": 1}, {"expires_at": "tomorrow"}, {"memory": None}],
)
def test_what_was_not_written_by_us_is_no_token(values: object) -> None:
    assert Token.parse(values) is None


def test_a_token_does_not_print_itself() -> None:
    token = Token(access_token="c4nary", refresh_token="c4nary", memory="c4nary", scopes="mail")
    assert "c4nary" not in repr(token)
