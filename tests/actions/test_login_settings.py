"""All settings of a login that can't be used are told at once, before anything is connected."""

from __future__ import annotations

from typing import Any

import pytest

from auth.errors import AuthError, Step
from auth.oauth.method import OAuth
from smtp.errors import Category
from tests.auth.helpers import KeptState, login
from tests.auth.keys import account, own
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings
from tests.support.token_endpoint import TokenEndpoint

WRONG: dict[str, Any] = {
    "client_id": "app",
    "token_url": "http://id.example/token",
    "auth_url": "ftp://id.example/authorize",
    "oauth_certificate": own("P-256").pem.replace(own("P-256").key_pem, own().key_pem),
    "federated_token_file": "/no/such/token",
}
MORE: dict[str, Any] = {"ca_bundle": "/no/such/authorities", "proxy": "gopher://c4nary@proxy.example"}


def told(settings: Any) -> AuthError:
    with pytest.raises(AuthError) as caught:
        OAuth(settings, KeptState()).renew(lambda _: None)
    assert "PRIVATE KEY" not in f"{caught.value}{caught.value.hint}"
    return caught.value


def test_every_field_that_can_not_be_used_is_named() -> None:
    error = told(login(**WRONG, refresh_token="c4nary"))
    assert (error.step, error.category, error.retryable) == (Step.SETTINGS, Category.CONFIGURATION, False)
    for field in ("token_url", "auth_url", "oauth_certificate", "federated_token_file"):
        assert field in error.text
    assert "the private key belongs to another certificate" in error.text
    assert "no such file or directory" in error.text
    assert "c4nary" not in f"{error} {error.hint}"


@pytest.mark.parametrize("field", ["token_url", "auth_url", "oauth_certificate", "federated_token_file"])
def test_one_that_can_not_be_used_is_named_alone(field: str) -> None:
    with TokenEndpoint() as provider:
        right = {"client_id": "app", "token_url": provider.token_url, "refresh_token": "rt"}
        error = told(login(**right | {field: WRONG[field]}))
        assert field in error.text
        others = {"token_url", "auth_url", "oauth_certificate", "federated_token_file"} - {field}
        assert not [other for other in others if other in error.text]
        assert provider.requests == []


def test_a_service_account_and_the_authorities_are_told_together() -> None:
    error = told(login(service_account_json=account("", private_key=None), ca_bundle="/dev/null"))
    assert "service_account_json" in error.text
    assert "ca_bundle" in error.text


def test_the_connection_s_settings_are_told_with_the_login_s(run: Runner) -> None:
    with ScriptedServer(Settings()) as server:
        wrong = WRONG | MORE | {"auth_type": "Automatic", "ssl_config": "StartTLS", "username": "a@b.example"}
        done = run(
            "send_email", asset(server, **wrong), {"to": "bob@example.com", "subject": "x", "body": "x"}
        )
        assert server.log.connections == 0
    said = str(done.document)
    for field in (*WRONG, *MORE):
        assert field in said or field == "client_id"
    assert "c4nary" not in said


def test_leftovers_of_a_login_that_is_not_used_do_not_matter(run: Runner) -> None:
    with ScriptedServer(Settings()) as server:
        done = run(
            "send_email",
            asset(server, auth_type="Passwordless", token_url="nonsense", oauth_certificate="/no/such"),
            {"to": "bob@example.com", "subject": "x", "body": "x"},
        )
    assert done.succeeded, done.message
