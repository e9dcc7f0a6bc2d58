"""A service account of Google's, which acts for a mailbox of its domain (RFC 7523 section 2.1).

It signs for itself with its key, or, without one, has Google sign (`auth.oauth.keyless_account`).
"""

from __future__ import annotations

import time
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from auth.errors import Step
from auth.oauth.account_file import FIELD, KEYLESS, read_account, unusable
from auth.oauth.answers import refusal
from auth.oauth.assertion import signed
from auth.oauth.endpoints import require_https, scopes_of
from auth.oauth.keyless_account import signed_by_google
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp import pem

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - the name of a URL
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
        self._account = read_account(login.service_account_json.strip())
        self._token_url = self._account.get("token_uri") or _TOKEN_URL
        require_https(self._token_url, f"token_uri of {FIELD}")

    def get_application_token(self) -> Token:
        """Get a token with which the login's `username` can send. Raises `AuthError`."""
        assertion = self._assertion()
        asked_at = time.time()
        with BoundedSession() as session:
            session.use(limits_of(self._login))
            answer = session.post(self._token_url, data={"grant_type": _GRANT, "assertion": assertion}).json()
        if "error" in answer:
            error = refusal(answer, Step.TOKEN, (assertion, self._account.get("private_key", "")))
            error.hint = _HINTS.get(error.oauth_error, error.hint)
            raise error
        return granted(answer, asked_at=asked_at, scopes=self._scopes)

    def _assertion(self) -> str:
        """What Google is told: that the account acts for the mailbox."""
        account = self._account
        claims = {"sub": self._login.username, "aud": self._token_url, "scope": self._scopes}
        if account["type"] == KEYLESS:
            return signed_by_google(self._login, account, claims)
        try:
            (block, *_) = (block for block in pem.blocks(account["private_key"].encode()) if block.is_key)
            key = load_pem_private_key(block.text.encode("ascii"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise unusable("its private_key can't be read") from exc
        claims["iss"] = account["client_email"]
        header = {"typ": "JWT", "kid": account.get("private_key_id") or ""}
        return signed(key, claims, header={k: v for k, v in header.items() if v}, field=FIELD)
