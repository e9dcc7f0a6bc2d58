"""OAuth: an access token for the mail server, from wherever one can be had.

What is configured decides (RFC 6749 sections 4.1, 6 and 4.4, RFC 8628): with `auth_url` or `device_code` a person
signs in once, and the refresh token from that does from then on; with `refresh_token` that one does from the start;
with none of them, the application itself is who logs in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from auth.errors import AuthError, Step
from auth.oauth.device import sign_in_with_code
from auth.oauth.endpoints import scopes_of
from auth.oauth.provider import Provider
from auth.oauth.select import application_of, provider_of
from auth.oauth.store import Remembered, TokenStore
from auth.oauth.token import Token
from auth.oauth.waiting import done_in_time, never
from auth.settings import Login, Progress, State
from smtp.errors import Category
from smtp.sasl.credentials import BearerCredentials, Credentials

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn

_SIGN_IN_HELPS = frozenset(("invalid_grant", "interaction_required", "login_required", "consent_required"))


class OAuth:
    """One asset's way to a token. `sign_in` is there when a person can be asked.

    `is_cancelled` is asked while a provider, or another process that asks it, is waited for.
    """

    name: ClassVar[str] = "OAuth"

    def __init__(
        self,
        login: Login,
        state: State | None = None,
        sign_in: SignIn | None = None,
        is_cancelled: Callable[[], bool] = never,
    ) -> None:
        self._login = login
        self._is_cancelled = is_cancelled
        self._store = TokenStore(login, state or _OwnMemory())
        self._sign_in = sign_in
        self._scopes = scopes_of(login)
        self._presented = ""
        self._renewed = False
        self._unsaved = Token()
        self._is_checked = False

    def get_credentials(self, progress: Progress) -> Credentials | None:
        """Return a token that is good for a while yet. Raises `AuthError`."""
        remembered = self._store.load()
        for token in (self._unsaved, remembered.token):
            if token.is_fresh(self._scopes):
                return self._bearer(token)
        found = self._get_in_time(progress, rejected="")
        return self._bearer(found or self._ask_a_person(progress, remembered))

    def renew(self, progress: Progress) -> bool:
        """After a 535: get another token, once, by a refresh or else by asking the person who is there."""
        if self._renewed:
            return False
        self._renewed = True
        token = self._get_in_time(progress, rejected=self._presented)
        if token is None and self._sign_in is not None:
            token = self._ask_a_person(progress, Remembered(Token()))
        return token is not None

    def _bearer(self, token: Token) -> Credentials:
        self._presented = token.access_token
        return BearerCredentials(
            self._login.username, token.access_token, self._login.server, self._login.port
        )

    def _get_in_time(self, progress: Progress, rejected: str) -> Token | None:
        found: Token | None = done_in_time(self._is_cancelled, self._get_without_asking, progress, rejected)
        return found

    def _get_without_asking(self, progress: Progress, rejected: str) -> Token | None:
        """Get a token that nobody has to be asked for, and that isn't `rejected`; None where there is none.

        One process at a time does this, and each looks again once it is its turn: of all that find a token
        expired, the first refreshes it, and the others find it fresh (a provider that replaces refresh tokens
        takes a second use of one for theft).
        """
        with self._store.lock():
            remembered = self._store.load()
            token = remembered.token
            if remembered.changed:
                progress(f"Signed out: {', '.join(remembered.changed)} changed since the token was obtained.")
            if token.is_fresh(self._scopes) and token.access_token != rejected:
                return token
            usable = token.is_usable() and token.scopes == self._scopes and token.access_token != rejected
            self._check()
            try:
                if self._login.is_application:
                    progress("Asking for an access token.")
                    return self._save(application_of(self._login).get_application_token(), progress)
                if token.refresh_token:
                    progress("Refreshing the access token.")
                    return self._save(self._refresh(provider_of(self._login), remembered), progress)
            except AuthError as exc:
                can_ask = self._sign_in is not None and self._login.asks_a_person
                if exc.oauth_error in _SIGN_IN_HELPS and can_ask:
                    progress(f"{exc.text} Signing in again.")
                    return None
                if not (exc.retryable and usable):
                    raise
                progress(f"{exc.text} The token that is there holds for a while yet.")
            return token if usable else None

    def _check(self) -> None:
        """Raise `AuthError` for all settings that can't be used, before the provider is asked anything."""
        if not self._is_checked:
            from auth.oauth.check import check  # who has a token needs no certificate

            check(self._login)
            self._is_checked = True

    def _refresh(self, provider: Provider, remembered: Remembered) -> Token:
        """Trade the refresh token for new tokens. That it was begun is remembered, should nobody hear how it ended."""
        token = remembered.token
        self._store.save(token, unfinished=True)
        try:
            return provider.refresh(token)
        except AuthError as exc:
            if exc.retryable:
                raise  # whether the provider got as far as to replace the refresh token is not known
            other = self._store.load().token
            if exc.oauth_error == "invalid_grant" and other.refresh_token != token.refresh_token:
                # Somebody without our lock (another machine) was faster.
                return other if other.is_usable() else provider.refresh(other)
            self._store.save(token, unfinished=remembered.unfinished)
            if exc.oauth_error == "invalid_grant" and remembered.unfinished:
                exc.hint = (
                    "An earlier refresh never ended: the process was stopped, or the answer was lost, after the "
                    f"provider had replaced the refresh token. {exc.hint}"
                )
            raise

    def _save(self, token: Token, progress: Progress) -> Token:
        """Remember `token` before anything else is done with it, and return it."""
        try:
            self._store.save(token)
        except Exception as exc:  # noqa: BLE001 - whatever the host's storage raises, this run has its token
            self._unsaved = token
            progress(
                f"The new token could not be saved ({type(exc).__name__}): it serves this run, and the next may "
                "have to sign in again."
            )
        return token

    def _ask_a_person(self, progress: Progress, remembered: Remembered) -> Token:
        """Get a token by asking a person to sign in."""
        if self._sign_in is not None and self._login.asks_a_person:
            provider = provider_of(self._login)
            if self._login.device_code:
                who, cancelled = self._login.username, self._sign_in.cancelled
                token: Token = done_in_time(
                    cancelled, sign_in_with_code, who, provider, self._store, progress, cancelled
                )
            else:
                token = self._sign_in.run(self._login, provider, self._store, progress)
            if not token.refresh_token:
                progress(
                    "The provider gave no refresh token: signing in is needed again when this one ends. "
                    "Many give one for the scope offline_access."
                )
            return token
        if remembered.changed:
            text = f"Signed out: {', '.join(remembered.changed)} changed since the last sign-in."
        else:
            text = "Nobody has signed in yet, or the sign-in has ended."
        raise AuthError(
            text,
            step=Step.SIGN_IN,
            category=Category.AUTHENTICATION,
            hint="Run test connectivity to sign in.",
        )


class _OwnMemory:
    """State for a caller that gave none: it lasts as long as this object."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}
        self._lock = threading.RLock()

    def load(self) -> dict[str, Any]:
        return dict(self._state)

    def save(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)

    def lock(self) -> AbstractContextManager[object]:
        return self._lock
