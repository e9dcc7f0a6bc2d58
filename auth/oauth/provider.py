"""What the rest of OAuth asks of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from auth.oauth.token import Token


@dataclass(frozen=True, slots=True)
class Request:
    """A sign-in that was begun: the link to open, and what `redeem` needs to have back (a JSON object)."""

    link: str
    secrets: Mapping[str, Any]


class Provider(Protocol):
    """Each of these makes at most a few requests, and raises `AuthError`."""

    def begin(self, redirect_uri: str, state: str) -> Request:
        """Begin an authorization code flow with PKCE S256 (RFC 7636)."""

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        """End it with a token. `answer` is the query of the redirect, whose `state` was checked."""

    def refresh(self, token: Token) -> Token:
        """Get a new token for the refresh token in `token`."""

    def get_application_token(self) -> Token:
        """Get a token for the application itself (RFC 6749 section 4.4)."""
