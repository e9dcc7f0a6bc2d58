"""A service account of Google's, which acts for a mailbox of its domain (RFC 7523 section 2.1)."""

from __future__ import annotations

import json
import time
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.assertion import signed
from auth.oauth.endpoints import require_https, scopes_of
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp import pem
from smtp.errors import Category

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - the name of a URL
_FIELD = "service_account_json"
_HINTS = MappingProxyType(
    {
        "unauthorized_client": (
            "An administrator of the Workspace domain has to allow the account's client id the scope "
            "https://mail.google.com/ under Security, API controls, Domain-wide delegation."
        ),
        "invalid_grant": (
            "Check that username is a mailbox of the Workspace domain, that the account's key was not deleted, and "
            "this machine's clock."
        ),
    }
)


class ServiceAccount:
    """The account that the asset's `service_account_json`, a file's name or the text itself, describes."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._scopes = scopes_of(login)
        self._account = _account(login.service_account_json.strip())
        self._token_url = self._account.get("token_uri") or _TOKEN_URL
        require_https(self._token_url, f"token_uri of {_FIELD}")

    def get_application_token(self) -> Token:
        """Get a token with which the login's `username` can send. Raises `AuthError`."""
        assertion = self._assertion()
        asked_at = time.time()
        with BoundedSession() as session:
            session.use(limits_of(self._login))
            answer = session.post(self._token_url, data={"grant_type": _GRANT, "assertion": assertion}).json()
        if "error" in answer:
            error = refusal(answer, Step.TOKEN, (assertion, self._account["private_key"]))
            error.hint = _HINTS.get(error.oauth_error, error.hint)
            raise error
        return granted(answer, asked_at=asked_at, scopes=self._scopes)

    def _assertion(self) -> str:
        account = self._account
        try:
            (block, *_) = (block for block in pem.blocks(account["private_key"].encode()) if block.is_key)
            key = load_pem_private_key(block.text.encode("ascii"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise _unusable("its private_key can't be read") from exc
        claims = {
            "iss": account["client_email"],
            "sub": self._login.username,
            "aud": self._token_url,
            "scope": self._scopes,
        }
        header = {"typ": "JWT", "kid": account.get("private_key_id") or ""}
        return signed(key, claims, header={k: v for k, v in header.items() if v}, field=_FIELD)


def _account(value: str) -> dict[str, Any]:
    """The account's fields, all of them texts, from JSON or the file of that name."""
    try:
        octets = value.encode() if value.startswith("{") else pem.read(value)
        account = json.loads(octets)
    except pem.NotPem as exc:
        raise _unusable(str(exc)) from exc
    except (ValueError, RecursionError) as exc:
        raise _unusable("it is not JSON") from exc
    if not isinstance(account, dict):
        raise _unusable("it is not a JSON object")
    wrong = [name for name in ("client_email", "private_key") if not _is_text(account.get(name))]
    if account.get("type", "service_account") != "service_account":
        raise _unusable("it is not the key of a service account (its type is another)")
    if wrong:
        raise _unusable(f"it has no {' and no '.join(wrong)}")
    return {name: text for name, text in account.items() if _is_text(text)}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _unusable(reason: str) -> AuthError:
    return AuthError(
        f"The asset's {_FIELD} can't be used: {reason}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint="Give the key file (JSON) that Google Cloud made for the service account, or its text.",
    )
