from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auth.choose import choose
from auth.errors import AuthError, Step
from smtp.errors import Category
from smtp.sasl.credentials import ExternalCredentials, PasswordCredentials
from tests.auth.helpers import login

STARTS = (
    *("auth_url", "device_code", "refresh_token", "client_secret"),
    *("oauth_certificate", "federated_token_file", "managed_identity"),
)
FIELDS = ("username", "password", "client_id", "token_url", "service_account_json", *STARTS)
SECRETS = ("password", "client_secret", "refresh_token", "oauth_certificate", "service_account_json")
VALUE = {"auth_url": "https://id.example/authorize", "token_url": "https://id.example/token"}
EVERY_COMBINATION = [
    {name: VALUE.get(name, name) for name, chosen in zip(FIELDS, chosen, strict=True) if chosen}
    for chosen in itertools.product((False, True), repeat=len(FIELDS))
]


def expected(given: dict[str, str]) -> str:
    """The rule of the asset's fields, as a person would say it."""
    named = given.keys()
    if named >= {"username", "client_id", "token_url"} and named & set(STARTS):
        return "OAuth"
    if named >= {"username", "service_account_json"}:
        return "OAuth"
    return "Basic" if named >= {"username", "password"} else "Passwordless"


def chosen(**fields: Any) -> str:
    return choose(login(**({"username": ""} | fields))).method.name


def test_every_combination_of_fields_leads_to_the_first_method_that_is_complete() -> None:
    wrong = [given for given in EVERY_COMBINATION if chosen(**given) != expected(given)]
    assert len(EVERY_COMBINATION) == 4096
    assert wrong == []


@pytest.mark.parametrize("auth_type", ["OAuth", "Basic", "Passwordless"])
def test_a_forced_method_is_taken_when_complete_and_an_error_otherwise(auth_type: str) -> None:
    for given in EVERY_COMBINATION:
        rule = {
            "OAuth": expected(given) == "OAuth",
            "Basic": "username" in given and "password" in given,
            "Passwordless": True,
        }
        if rule[auth_type]:
            assert chosen(auth_type=auth_type, **given) == auth_type
        else:
            with pytest.raises(AuthError):
                chosen(auth_type=auth_type, **given)


def test_a_forced_method_names_all_the_fields_that_it_misses() -> None:
    with pytest.raises(AuthError) as caught:
        chosen(auth_type="OAuth", username="ann@example.com")
    error = caught.value
    assert str(error) == (
        "Authentication type OAuth needs more fields: client_id, token_url, one of auth_url, device_code, "
        "refresh_token, client_secret, oauth_certificate, federated_token_file and managed_identity."
    )
    assert (error.step, error.category, error.retryable) == (Step.SETTINGS, Category.CONFIGURATION, False)
    assert error.hint == (
        "Fill in client_id, token_url, one of auth_url, device_code, refresh_token, client_secret, oauth_certificate, "
        "federated_token_file and managed_identity, or set auth_type to Automatic."
    )
    with pytest.raises(AuthError, match=r"Basic needs more fields: username, password\."):
        chosen(auth_type="Basic")


def test_an_authentication_type_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(AuthError) as caught:
        chosen(auth_type="Kerberos")
    assert str(caught.value) == "There is no authentication type 'Kerberos'."
    assert caught.value.hint == "Choose Automatic, OAuth, Basic, Passwordless."


def test_a_partly_filled_method_is_told_with_what_it_misses() -> None:
    choice = choose(login(client_id="app", auth_url="https://id.example/authorize", password="x"))
    assert choice.method.name == "Basic"
    assert choice.skipped == ("OAuth authentication is not used: token_url not set.",)


def test_two_partly_filled_methods_are_both_told() -> None:
    choice = choose(login(client_id="app", username="", password="x"))
    assert choice.method.name == "Passwordless"
    assert choice.skipped == (
        "OAuth authentication is not used: username, token_url, one of auth_url, device_code, refresh_token, "
        "client_secret, oauth_certificate, federated_token_file and managed_identity not set.",
        "Basic authentication is not used: username not set.",
    )


def test_nothing_is_said_about_a_method_that_nobody_began_to_fill_in() -> None:
    assert choose(login(password="x")).skipped == ()
    assert choose(login(username="")).skipped == ()


@pytest.mark.parametrize("field", ["client_id", "token_url", "scopes", *STARTS])
def test_whoever_fills_in_any_field_of_oauth_is_told_why_it_is_not_used(field: str) -> None:
    (said,) = choose(login(password="x", **{field: VALUE.get(field, field)})).skipped
    assert said.startswith("OAuth authentication is not used: ")
    assert said.endswith(" not set.")


def test_an_authentication_type_that_was_left_empty_is_automatic() -> None:
    assert chosen(auth_type="") == "Passwordless"


def test_nothing_is_said_about_other_methods_when_one_is_forced() -> None:
    assert choose(login(client_id="app", password="x", auth_type="Basic")).skipped == ()


def test_basic_logs_in_with_user_name_and_password_and_has_nothing_to_renew() -> None:
    method = choose(login(password="secret")).method
    assert method.get_credentials(print) == PasswordCredentials("ann@example.com", "secret")
    assert method.renew(print) is False


def test_passwordless_logs_in_with_a_client_certificate_if_there_is_one() -> None:
    assert choose(login()).method.get_credentials(print) is None
    method = choose(login(has_client_certificate=True)).method
    assert method.name == "Passwordless"
    assert method.get_credentials(print) == ExternalCredentials()
    assert method.renew(print) is False


def test_a_choice_shows_no_secret() -> None:
    for given in EVERY_COMBINATION:
        fields: dict[str, Any] = (
            {"username": ""} | given | {name: "c4nary" for name in SECRETS if name in given}
        )
        choice = choose(login(**fields))
        assert "c4nary" not in f"{choice} {choice.method!r} {getattr(choice.method, '__dict__', '')}"


def test_who_logs_in_with_a_password_does_not_load_the_oauth_libraries() -> None:
    program = (
        "import sys\nfrom auth.choose import choose\nfrom auth.settings import Login\n"
        "choose(Login(id='1', server='h', port=25, username='a', password='b'))"
        ".method.get_credentials(print)\n"
        "print(sorted({'requests', 'msal', 'authlib', 'cryptography', 'auth.oauth'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "start", ["client_secret", "oauth_certificate", "federated_token_file", "managed_identity"]
)
def test_an_application_may_log_in_as_each_mail_s_sender(start: str) -> None:
    fields = {"client_id": "app", "token_url": VALUE["token_url"], start: "x", "login_as": "sender"}
    assert choose(login(**fields)).method.name == "OAuth"


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "x"},
        {},
        {
            "client_id": "app",
            "token_url": VALUE["token_url"],
            "auth_url": VALUE["auth_url"],
            "client_secret": "x",
        },
        {"client_id": "app", "token_url": VALUE["token_url"], "device_code": True},
        {"client_id": "app", "token_url": VALUE["token_url"], "refresh_token": "x"},
    ],
)
def test_nobody_else_may(fields: dict[str, Any]) -> None:
    with pytest.raises(AuthError, match="login_as is sender, and only an application") as caught:
        choose(login(**fields, login_as="sender"))
    assert (caught.value.step, caught.value.category) == (Step.SETTINGS, Category.CONFIGURATION)
    assert "service_account_json" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "is_asked"),
    [
        ({"username": "a", "password": "b"}, False),
        ({"username": "a", "client_id": "c", "token_url": VALUE["token_url"], "client_secret": "s"}, False),
        (
            {
                "username": "a",
                "client_id": "c",
                "token_url": VALUE["token_url"],
                "auth_url": VALUE["auth_url"],
            },
            True,
        ),
        ({"username": "a", "client_id": "c", "token_url": VALUE["token_url"], "device_code": True}, True),
    ],
)
def test_a_way_to_sign_in_is_looked_for_only_where_a_person_has_to(
    fields: dict[str, Any], is_asked: bool
) -> None:
    asked: list[bool] = []

    def find() -> None:
        asked.append(True)

    choose(login(**fields), find_sign_in=find)
    assert bool(asked) is is_asked
