"""Ways to log in at a destination's mail server with a token: `auth.settings.Method`, each for several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar

from auth.errors import AuthError, Step
from auth.oauth.token import Token
from auth.settings import Progress
from doors.relay.token_service import GivenToken, TokenService
from smtp.errors import Category
from smtp.sasl.credentials import BearerCredentials, Credentials


class TokenMethod:
    """A token that is fetched when it is needed, and again shortly before its end. `fetch` raises `AuthError`."""

    name: ClassVar[str] = "OAuth"

    def __init__(self, username: str, server: str, port: int, fetch: Callable[[Token], Token]) -> None:
        self._who = username, server, port
        self._fetch = fetch
        self._token = Token()
        self._lock = threading.Lock()
        self._may_renew = True

    def begin(self) -> None:
        """Fetch a token now, so that a client is told at its login what is wrong with it. Raises `AuthError`."""
        with self._lock:
            self._renew_if_due()

    def get_credentials(self, progress: Progress) -> Credentials | None:  # noqa: ARG002 - there is nothing to tell
        username, server, port = self._who
        with self._lock:
            self._renew_if_due()
            return BearerCredentials(username, self._token.access_token, server, port)

    def renew(self, progress: Progress) -> bool:  # noqa: ARG002 - there is nothing to tell
        with self._lock:
            if not self._may_renew:
                return False
            self._may_renew = False
            self._token = self._fetch(self._token)
            return True

    def _renew_if_due(self) -> None:
        if not self._token.is_fresh(self._token.scopes):
            self._token = self._fetch(self._token)
            self._may_renew = True


def of_application(service: TokenService | None, given: GivenToken | None) -> Callable[[Token], Token]:
    """How a token of OAuth2ClientCredentials is had: the one that came with the destination first."""

    def fetch(before: Token) -> Token:
        if given is not None:
            given.raise_error()
            if given.is_good() and before.access_token != given.value:
                return Token(given.value, expires_at=given.ends, refresh_at=given.ends)
        if service is None:
            raise _nowhere()
        return service.request("client_credentials")

    return fetch


def of_refresh_token(service: TokenService | None, refresh_token: str) -> Callable[[Token], Token]:
    """The client brought a refresh token; where the service replaces it, the new one is used from then on."""

    def fetch(before: Token) -> Token:
        if service is None:
            raise _nowhere()
        return service.request("refresh_token", refresh_token=before.refresh_token or refresh_token)

    return fetch


def of_code(service: TokenService | None, code: str) -> Callable[[Token], Token]:
    """The client brought an authorization code, which is good for once."""

    def fetch(before: Token) -> Token:
        if service is None:
            raise _nowhere()
        if before.refresh_token:
            return service.request("refresh_token", refresh_token=before.refresh_token)
        if before.access_token:
            raise AuthError(
                "The access token has ended, and an authorization code is good for once.",
                step=Step.TOKEN,
                category=Category.AUTHENTICATION,
                hint="Log in again with a new authorization code.",
            )
        return service.request("authorization_code", code=code)

    return fetch


def _nowhere() -> AuthError:
    return AuthError(
        "There is nowhere to get a token from.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint="Give the destination tokenServiceURL, clientId and clientSecret.",
    )
