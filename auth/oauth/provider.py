"""What the rest of OAuth asks of a provider, and which provider an asset has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from auth.oauth.endpoints import default_scopes, is_microsoft, require_https
from auth.oauth.token import Token
from auth.settings import Login


@dataclass(frozen=True, slots=True)
class Request:
    """A sign-in that was begun: the link to open, and what `redeem` needs to have back (a JSON object)."""

    link: str
    secrets: Mapping[str, Any]


class Provider(Protocol):
    """Each of these makes at most a few requests, and raises `AuthError`."""

    def begin(self, redirect_uri: str, state: str) -> Request:
        """Authorization code with PKCE S256 (RFC 7636): the first half."""

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        """The second half. `answer` is the query of the redirect, whose `state` was checked."""

    def refresh(self, token: Token) -> Token:
        """A new token for the refresh token in `token`."""

    def client_credentials(self) -> Token:
        """A token for the application itself."""


def provider_of(login: Login) -> Provider:
    """Microsoft's clouds go through MSAL, all others through Authlib. Raises `AuthError` for a bad URL."""
    require_https(login.token_url, "token_url")
    if login.auth_url:
        require_https(login.auth_url, "auth_url")
    if is_microsoft(login.token_url):
        from auth.oauth.microsoft import Microsoft

        return Microsoft(login)
    from auth.oauth.generic import Generic

    return Generic(login)


def scopes_of(login: Login) -> str:
    """The scopes to ask for, separated by single spaces."""
    return " ".join(login.scopes.split()) or default_scopes(login)
