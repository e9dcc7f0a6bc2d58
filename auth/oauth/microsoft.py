"""Microsoft's clouds, through MSAL, whose own token cache is kept with our token."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msal  # type: ignore[import-untyped]  # no stubs
from msal.exceptions import MsalError  # type: ignore[import-untyped]  # no stubs

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.provider import Request, scopes_of
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp.errors import Category

T = TypeVar("T")

# MSAL asks for these by itself, and refuses to be asked for them.
_RESERVED = frozenset(("openid", "profile", "offline_access"))


class Microsoft:
    """One application in one tenant (or `common`, `organizations`), as the asset describes it."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._scopes = scopes_of(login)
        self._wanted = [scope for scope in self._scopes.split() if scope not in _RESERVED]

    def begin(self, redirect_uri: str, state: str) -> Request:
        application, _ = self._application()
        with warnings.catch_warnings():
            # MSAL would rather have the browser POST the answer. Browsers warn of a form that goes from https
            # to http, which a redirect on this machine is, and PKCE makes the code useless to who reads it.
            warnings.simplefilter("ignore", UserWarning)
            flow = _translated(
                lambda: application.initiate_auth_code_flow(
                    self._wanted, redirect_uri=redirect_uri, state=state, login_hint=self._login.username
                ),
                "The sign-in link could not be made.",
                "Check scopes of the asset.",
            )
        return Request(flow["auth_uri"], flow)

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        application, cache = self._application()
        return self._token(
            lambda: application.acquire_token_by_auth_code_flow(dict(secrets), dict(answer)),
            cache,
            hidden=(answer["code"], secrets["code_verifier"]),
        )

    def refresh(self, token: Token) -> Token:
        application, cache = self._application(token.memory)
        accounts = application.get_accounts()

        def request() -> Mapping[str, Any]:
            # A refresh token from the asset, or one that came without an account, is not in MSAL's cache.
            known = accounts and application.acquire_token_silent_with_error(
                self._wanted, accounts[0], force_refresh=True
            )
            answer: Mapping[str, Any] = known or application.acquire_token_by_refresh_token(
                token.refresh_token, self._wanted
            )
            return answer

        return self._token(request, cache, before=token, hidden=(token.refresh_token,))

    def client_credentials(self) -> Token:
        application, cache = self._application()
        return self._token(lambda: application.acquire_token_for_client(self._wanted), cache)

    def _application(self, memory: str = "") -> tuple[Any, msal.SerializableTokenCache]:
        cache = msal.SerializableTokenCache()
        if memory:
            cache.deserialize(memory)
        session = BoundedSession()
        session.use(limits_of(self._login))
        secret = self._login.client_secret
        kind = msal.ConfidentialClientApplication if secret else msal.PublicClientApplication
        application = _translated(
            lambda: kind(
                self._login.client_id,
                client_credential=secret or None,
                authority=authority_of(self._login.token_url),
                token_cache=cache,
                http_client=session,
                instance_discovery=False,  # the host is in our own list
            ),
            f"Microsoft has no configuration for {authority_of(self._login.token_url)}.",
            "Check the tenant in token_url.",
        )
        return application, cache

    def _token(
        self,
        request: Callable[[], Mapping[str, Any]],
        cache: msal.SerializableTokenCache,
        before: Token | None = None,
        hidden: tuple[str, ...] = (),
    ) -> Token:
        asked_at = time.time()
        answer = _translated(
            request,
            "The token request could not be made, or its answer not understood.",
            "Check client_id, client_secret, scopes and token_url of the asset.",
        )
        if "error" in answer:
            raise refusal(answer, Step.TOKEN, (*hidden, self._login.client_secret))
        kept = cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN)
        newest = max(kept, key=lambda entry: int(entry.get("last_modification_time", 0)), default=None)
        return granted(
            answer,
            asked_at=asked_at,
            scopes=self._scopes,
            refresh_token=newest["secret"] if newest else before.refresh_token if before else "",
            memory=cache.serialize(),
        )


def authority_of(token_url: str) -> str:
    """`https://host/tenant`, the way MSAL names what a token endpoint belongs to."""
    parts = urlsplit(token_url)
    tenant = parts.path.strip("/").split("/")[0] or "common"
    return f"https://{parts.netloc}/{tenant}"


def _translated(ask: Callable[[], T], text: str, hint: str) -> T:
    """What `ask` returns; MSAL's complaints about settings and answers, which can quote both, as ours."""
    try:
        return ask()
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, MsalError) as exc:
        raise AuthError(
            f"{text} ({type(exc).__name__})",
            step=Step.TOKEN,
            category=Category.CONFIGURATION,
            hint=hint,
        ) from None
