"""No object of a login shows a secret when it is printed, and no error carries one in its causes."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from auth.certificate import read
from auth.errors import AuthError
from auth.oauth.account_file import read_account
from auth.oauth.generic import Generic
from auth.oauth.method import OAuth
from auth.oauth.provider import DeviceRequest, Request
from auth.oauth.store import Remembered, TokenStore
from auth.oauth.token import Token
from auth.settings import Login
from smtp.sasl.credentials import BearerCredentials, PasswordCredentials
from smtp.text import Concealer
from tests.auth.helpers import KeptState, login
from tests.auth.keys import PASSWORD, account, own

SECRET = "c4nary-of-an-object"


def full() -> Login:
    """A login whose every secret is filled in."""
    return login(
        password=SECRET,
        client_id="app",
        token_url="https://id.example/token",
        client_secret=SECRET,
        refresh_token=SECRET,
        oauth_certificate=own().pem,
        oauth_certificate_password=SECRET,
        service_account_json=account("https://id.example/token", private_key_id=SECRET),
    )


@pytest.mark.parametrize(
    "make",
    [
        full,
        lambda: Token(SECRET, SECRET, memory=SECRET),
        lambda: Remembered(Token(SECRET, SECRET)),
        lambda: Request("https://id.example/authorize", {"code_verifier": SECRET}),
        lambda: DeviceRequest("WDJB", "https://id.example", "", 900.0, 5.0, {"device_code": SECRET}),
        lambda: TokenStore(full(), KeptState()),
        lambda: Generic(full()),
        lambda: OAuth(full()),
        lambda: PasswordCredentials("ann", SECRET),
        lambda: BearerCredentials("ann", SECRET, "mx.example.com", 587),
        lambda: read(own().locked_pem, "", PASSWORD),
        lambda: Concealer(SECRET),
    ],
)
def test_what_is_printed_holds_no_secret(make: Any) -> None:
    shown = f"{make()!r} {make()!s}"
    assert SECRET not in shown
    assert "PRIVATE KEY" not in shown


@pytest.mark.parametrize(
    "text", [f"{{{SECRET}", f'{{"private_key": "{SECRET}"', f'["{SECRET}"]', f'{{"type": "{SECRET}"}}']
)
def test_an_error_about_a_service_account_does_not_hold_its_file(text: str) -> None:
    with pytest.raises(AuthError) as caught:
        read_account(text)
    error: BaseException | None = caught.value
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    while error is not None:
        assert SECRET not in f"{error!r} {vars(error)}"
        error = error.__cause__
