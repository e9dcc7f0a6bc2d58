"""A person signs in: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), in two halves.

`begin` makes the link, `complete` takes what the browser was sent back with. Between them lies only what
the store keeps, so the two may run in different processes; what receives the redirect is an
`auth.settings.Redirect`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.endpoints import is_microsoft
from auth.oauth.local_redirect import LocalRedirect
from auth.oauth.provider import Provider
from auth.oauth.query import Query, brings, parsed
from auth.oauth.store import TokenStore
from auth.oauth.token import Token
from auth.oauth.waiting import done_in_time
from auth.settings import Login, MakeRedirect, Progress
from smtp.errors import Category
from smtp.text import showable

WAIT = 300.0
"""Seconds that a sign-in is waited for, and that its link can be used."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to ask a person: given to `choose` by what has one in front of it (test connectivity)."""

    cancelled: Callable[[], bool]
    redirect: MakeRedirect = LocalRedirect
    wait: float = WAIT

    def run(self, login: Login, provider: Provider, store: TokenStore, progress: Progress) -> Token:
        """Show the link, wait for the browser, and save the token. Raises `AuthError`."""
        state = new_state(login)
        with self.redirect(state, self.wait) as redirect:
            link = begin(provider, store, redirect.uri, state, self.wait)
            progress(f"To sign in as {login.username}, open this link within {self.wait:g} s: {link}")
            query = redirect.wait(self.cancelled)
        if query is not None:
            progress("The browser came back; asking the provider for the token.")
            token: Token = done_in_time(self.cancelled, complete, login, provider, store, query)
            return token
        with store.lock():
            store.drop_sign_in()
        if self.cancelled():
            raise AuthError("The sign-in was cancelled.", step=Step.SIGN_IN, category=Category.CANCELLED)
        raise _failed(
            f"Nobody signed in within {self.wait:g} s.",
            "Run test connectivity again, and open the link that it shows.",
        )


def new_state(login: Login) -> str:
    """What only the answer to one sign-in brings. It names the asset, for whoever receives the answers of several."""
    return f"{login.id}:{secrets.token_urlsafe(32)}"


def begin(provider: Provider, store: TokenStore, redirect_uri: str, state: str, seconds: float = WAIT) -> str:
    """The link to open. Its `state` can be used once, and for `seconds`."""
    request = provider.begin(redirect_uri, state)
    with store.lock():
        store.save_sign_in(
            {"state": state, "expires_at": time.time() + seconds, "secrets": dict(request.secrets)}
        )
    return request.link


def complete(login: Login, provider: Provider, store: TokenStore, query: str) -> Token:
    """The token for the redirect's `query`, saved. Raises `AuthError`."""
    answer = parsed(query)
    with store.lock():
        pending = store.sign_in()
        if not _matches(pending, answer):
            raise _failed("This sign-in was not begun here, was used already, or took too long.")
        store.drop_sign_in()  # before anything else: whatever comes of it, it can't be used again
    _check_issuer(login, answer)
    if "error" in answer:
        raise refusal(answer, Step.SIGN_IN, (login.client_secret,))
    if not answer.get("code"):
        raise _failed("The provider sent the browser back without a code.")
    token = provider.redeem(pending["secrets"], answer)
    with store.lock():
        store.save(token)
    return token


def _matches(pending: Mapping[str, object], answer: Query) -> bool:
    expected, until = pending.get("state"), pending.get("expires_at")
    if not isinstance(expected, str) or not isinstance(until, int | float) or time.time() > until:
        return False
    return brings(answer, expected)


def _check_issuer(login: Login, answer: Query) -> None:
    """RFC 9207: an answer that says who gave it has to be from the provider that was asked.

    The asset names no issuer, so what is compared is the origin, which all of a provider's URLs share.
    """
    issuer = answer.get("iss")
    if issuer is None or (is_microsoft(issuer) and is_microsoft(login.auth_url)):
        return  # Microsoft's clouds have several names
    if _origin(issuer) != _origin(login.auth_url):
        raise AuthError(
            f"The sign-in was answered by another provider: {showable(issuer)}.",
            step=Step.SIGN_IN,
            category=Category.SECURITY,
            hint="Check that auth_url and token_url are of the same provider, and sign in again.",
        )


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None


def _failed(text: str, hint: str = "Run test connectivity again to sign in.") -> AuthError:
    return AuthError(text, step=Step.SIGN_IN, category=Category.AUTHENTICATION, hint=hint)
