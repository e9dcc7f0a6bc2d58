"""What can't be used of a login's OAuth fields, found without asking anybody, all of it together."""

from __future__ import annotations

from collections.abc import Iterable

from auth.errors import AuthError, Step
from auth.oauth.account_file import read_account
from auth.oauth.assertion import application_certificate, federated_token
from auth.oauth.endpoints import device_url_of, is_microsoft, require_https
from auth.oauth.web import trusting
from auth.settings import Login
from smtp.errors import Category, MailError


def check(login: Login) -> None:
    """Raise `AuthError` for whatever can't be used, or lies where nobody may send a token to."""
    faults = faults_of(login)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise together(faults)


def faults_of(login: Login) -> tuple[AuthError, ...]:
    """Return one error for each field that can't be used."""
    found = []
    for is_used, each in (
        (login.service_account_json, _account),
        (not login.service_account_json, _token_url),
        (not login.service_account_json and login.auth_url, _auth_url),
        (login.device_code and not login.is_application and not is_microsoft(login.token_url), device_url_of),
        (not login.service_account_json and login.oauth_certificate, application_certificate),
        (login.federated_token_file, federated_token),
        (login.ca_bundle, _authorities),
    ):
        if not is_used:
            continue
        try:
            each(login)
        except AuthError as error:
            found.append(error)
    return tuple(found)


def together(faults: Iterable[MailError]) -> AuthError:
    """One error that tells them all."""
    faults = tuple(faults)
    texts = dict.fromkeys(_sentence(fault.text) for fault in faults)
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    return AuthError(
        " ".join(texts), step=Step.SETTINGS, category=Category.CONFIGURATION, hint=" ".join(hints)
    )


def _sentence(text: str) -> str:
    """As one of several; the name of a field keeps its small letter."""
    text = f"{text.rstrip('.')}."
    return f"T{text[1:]}" if text.startswith("the ") else text


def _account(login: Login) -> None:
    read_account(login.service_account_json.strip())


def _token_url(login: Login) -> None:
    require_https(login.token_url, "token_url")


def _auth_url(login: Login) -> None:
    require_https(login.auth_url, "auth_url")


def _authorities(login: Login) -> None:
    trusting(login.ca_bundle)
