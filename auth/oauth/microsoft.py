"""Microsoft's clouds, through MSAL, whose own token cache is kept with our token."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import msal  # type: ignore[import-untyped]  # no stubs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msal.exceptions import MsalError  # type: ignore[import-untyped]  # no stubs

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.assertion import application_certificate, federated_token
from auth.oauth.endpoints import scopes_of
from auth.oauth.provider import DeviceRequest, Request, device_request
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp.errors import Category

# MSAL asks for these by itself, and refuses to be asked for them.
_RESERVED = frozenset(("openid", "profile", "offline_access"))


class Microsoft:
    """One application in one tenant (or `common`, `organizations`), as the asset describes it."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._scopes = scopes_of(login)
        self._assertion = ""
        self._wanted = [scope for scope in self._scopes.split() if scope not in _RESERVED]

    def begin(self, redirect_uri: str, state: str) -> Request:
        application = self._application(msal.SerializableTokenCache())
        with (
            _translated("The sign-in link could not be made.", "Check scopes of the asset."),
            warnings.catch_warnings(),
        ):
            # MSAL would rather have the browser POST the answer. Browsers warn of a form that goes from https
            # to http, which a redirect on this machine is, and PKCE makes the code useless to whoever reads it.
            warnings.simplefilter("ignore", UserWarning)
            flow = application.initiate_auth_code_flow(
                self._wanted, redirect_uri=redirect_uri, state=state, login_hint=self._login.username
            )
        return Request(flow["auth_uri"], flow)

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        cache = msal.SerializableTokenCache()
        application = self._application(cache)
        asked_at = time.time()
        with _token_request():
            said = application.acquire_token_by_auth_code_flow(dict(secrets), dict(answer))
        return self._token(said, cache, asked_at, hidden=(answer["code"], secrets["code_verifier"]))

    def refresh(self, token: Token) -> Token:
        cache = msal.SerializableTokenCache()
        if token.memory:
            cache.deserialize(token.memory)
        application = self._application(cache)
        asked_at = time.time()
        with _token_request():
            accounts = application.get_accounts()
            said = None
            if accounts:
                said = application.acquire_token_silent_with_error(
                    self._wanted, accounts[0], force_refresh=True
                )
            if said is None:
                # A refresh token from the asset, or one that came without an account, is not in MSAL's cache.
                said = application.acquire_token_by_refresh_token(token.refresh_token, self._wanted)
        return self._token(said, cache, asked_at, before=token, hidden=(token.refresh_token,))

    def begin_device(self) -> DeviceRequest:
        application = self._application(msal.SerializableTokenCache())
        with _token_request():
            flow = application.initiate_device_flow(self._wanted)
        if "error" in flow:
            raise refusal(flow, Step.SIGN_IN, ())
        return device_request(flow)

    def redeem_device(self, request: DeviceRequest) -> Token:
        cache = msal.SerializableTokenCache()
        application = self._application(cache)
        asked_at = time.time()
        with _token_request():
            said = application.acquire_token_by_device_flow(dict(request.secrets), exit_condition=_ask_once)
        return self._token(said, cache, asked_at, hidden=(request.secrets["device_code"],))

    def get_application_token(self) -> Token:
        cache = msal.SerializableTokenCache()
        application = self._application(cache)
        asked_at = time.time()
        with _token_request():
            said = application.acquire_token_for_client(self._wanted)
        return self._token(said, cache, asked_at)

    def _application(self, cache: msal.SerializableTokenCache) -> Any:
        session = BoundedSession()
        session.use(limits_of(self._login))
        proof = self._proof()
        kind = msal.ConfidentialClientApplication if proof else msal.PublicClientApplication
        authority = authority_of(self._login.token_url)
        with _translated(
            f"Microsoft has no configuration for {authority}.", "Check the tenant in token_url."
        ):
            return kind(
                self._login.client_id,
                client_credential=proof,
                authority=authority,
                token_cache=cache,
                http_client=session,
                instance_discovery=False,  # the host is in our own list
            )

    def _proof(self) -> str | dict[str, Any] | None:
        """How the application shows who it is, as MSAL wants it; None for one that can't, a public client."""
        login = self._login
        if login.device_code and not login.is_application:
            return None  # Microsoft lets public clients alone sign in with a code
        if login.oauth_certificate:
            return _certificate(login)
        if login.federated_token_file:
            token = self._assertion = federated_token(login)
            return {"client_assertion": lambda: token}  # of a text MSAL fears that it is kept for too long
        return login.client_secret or None

    def _token(
        self,
        answer: Mapping[str, Any],
        cache: msal.SerializableTokenCache,
        asked_at: float,
        before: Token | None = None,
        hidden: tuple[str, ...] = (),
    ) -> Token:
        """The token in MSAL's `answer`, with what its cache has to be handed back the next time."""
        if "error" in answer:
            raise refusal(answer, Step.TOKEN, (*hidden, self._login.client_secret, self._assertion))
        kept = cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN)
        newest = max(kept, key=lambda entry: int(entry.get("last_modification_time", 0)), default=None)
        return granted(
            answer,
            asked_at=asked_at,
            scopes=self._scopes,
            refresh_token=newest["secret"] if newest else before.refresh_token if before else "",
            memory=cache.serialize(),
        )


def _certificate(login: Login) -> dict[str, Any]:
    own = application_certificate(login)
    if not isinstance(own.key, rsa.RSAPrivateKey):
        raise AuthError(
            "The asset's oauth_certificate can't be used: its key is not RSA.",
            step=Step.SETTINGS,
            category=Category.CONFIGURATION,
            hint="Microsoft takes certificates with an RSA key only: make one, and add it to the app registration.",
        )
    key = own.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"private_key": key.decode("ascii"), "public_certificate": own.chain}


def _ask_once(flow: Mapping[str, Any]) -> bool:  # noqa: ARG001 - whatever it holds
    """Have MSAL return after one question, rather than ask again by itself."""
    return True


def authority_of(token_url: str) -> str:
    """`https://host/tenant`, the way MSAL names what a token endpoint belongs to."""
    parts = urlsplit(token_url)
    tenant = parts.path.strip("/").split("/")[0] or "common"
    return f"https://{parts.netloc}/{tenant}"


@contextmanager
def _translated(text: str, hint: str) -> Iterator[None]:
    """Raise MSAL's complaints about settings and answers, which can quote both, as `AuthError` with `text`."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, MsalError) as exc:
        raise AuthError(
            f"{text} ({type(exc).__name__})",
            step=Step.TOKEN,
            category=Category.CONFIGURATION,
            hint=hint,
        ) from None


def _token_request() -> AbstractContextManager[None]:
    return _translated(
        "The token request could not be made, or its answer not understood.",
        "Check client_id, client_secret, scopes and token_url of the asset.",
    )
