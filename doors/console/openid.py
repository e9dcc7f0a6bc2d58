"""Signing in to the console at a provider of OpenID Connect: authorization code with PKCE (OpenID Connect Core 1.0,
section 3.1, RFC 7636).

The provider says who somebody is; who may come in, and what for, is said by the users of the console. What a sign-in
needs until the browser comes back is kept here, under a text that only this browser has, in a cookie.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]  # no stubs
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]  # no stubs
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from auth.errors import AuthError
from auth.oauth.endpoints import require_https
from auth.oauth.query import brings, parsed
from auth.oauth.web import BoundedSession, Limits
from host.local.inputs import InputError
from smtp.text import showable

LIFETIME = 600.0
"""Seconds that somebody has for the provider's pages."""
_MOST_PENDING = 1000
_REMEMBERED = 3600.0
"""Seconds for which the provider's addresses and keys are taken for its own."""
_LIMITS = Limits(connect=10.0, total=20.0, ca_bundle="")
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY = 60  # seconds that the two clocks may differ by
_SCOPE = "openid email profile"
_NAMES = ("email", "preferred_username")


@dataclass(frozen=True, slots=True)
class OpenIdSettings:
    """Which provider, and what this console is called there. A public client has no secret."""

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says that it is: `subject` never changes there, `name` is what people are known by."""

    issuer: str
    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class _Pending:
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    to: str
    ends: float


class _Session(BoundedSession, OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client, with our limits around what it sends."""


class OpenId:
    """The provider, asked when it is needed. Every method raises `InputError` in words. Used by several threads."""

    def __init__(self, settings: OpenIdSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._metadata: Mapping[str, Any] = {}
        self._asked_at = 0.0

    @property
    def name(self) -> str:
        """The provider, as the sign-in page calls it."""
        return urlsplit(self._settings.issuer).hostname or self._settings.issuer

    def begin(self, redirect_uri: str, to: str) -> tuple[str, str]:
        """The provider's page to open, and what the browser is to hold until it comes back, bound for `to`."""
        metadata = self._provider()
        pending = _Pending(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
            to=to,
            ends=time.monotonic() + LIFETIME,
        )
        link, _ = self._session().create_authorization_url(
            _text(metadata, "authorization_endpoint"),
            state=pending.state,
            nonce=pending.nonce,
            code_verifier=pending.verifier,
            redirect_uri=redirect_uri,
        )
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._pending[cookie] = pending
            while len(self._pending) > _MOST_PENDING:
                self._pending.popitem(last=False)
        return str(link), cookie

    def finish(self, cookie: str, query: str) -> tuple[Identity, str]:
        """Who came back with this query, and where to; once for each sign-in that was begun."""
        with self._lock:
            pending = self._pending.pop(cookie, None)
        answer = parsed(query)
        if pending is None or pending.ends < time.monotonic() or not brings(answer, pending.state):
            raise InputError(
                "This sign-in was not begun in this browser, was used already, or took too long."
            )
        if answer.get("iss", self._settings.issuer) != self._settings.issuer:
            raise InputError("The sign-in was answered by another provider.")  # RFC 9207
        if "error" in answer or not answer.get("code"):
            said = answer.get("error_description") or answer.get("error", "it gave no code")
            raise InputError(f"{self.name} did not sign you in: {showable(said)}.")
        tokens = self._redeemed(answer["code"], pending)
        claims = self._checked(tokens, pending.nonce)
        return Identity(self._settings.issuer, str(claims["sub"]), self._name_of(claims, tokens)), pending.to

    def _redeemed(self, code: str, pending: _Pending) -> Mapping[str, Any]:
        """The tokens for a code (section 3.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        tokens = self._asked("POST", _text(self._provider(), "token_endpoint"), form=form)
        if "error" in tokens:
            raise InputError(f"{self.name} did not take the sign-in: {showable(str(tokens['error']))}.")
        return tokens

    def _checked(self, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of the ID token, which has to be the provider's, for us, of now and of this sign-in
        (section 3.1.3.7)."""
        keys = self._asked("GET", _text(self._provider(), "jwks_uri"))
        own = {"essential": True}
        try:
            token = jwt.decode(str(tokens["id_token"]), KeySet.import_key_set(dict(keys)), _ALGORITHMS)  # type: ignore[arg-type]  # has "keys", or fails here
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": own | {"value": self._settings.issuer},
                    "aud": own | {"value": self._settings.client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._settings.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            # The library's own errors, and what a token of a strange shape makes it stumble over.
            raise InputError(
                f"What {self.name} says of you can't be believed ({type(error).__name__})."
            ) from error
        return dict(claims)

    def _name_of(self, claims: Mapping[str, Any], tokens: Mapping[str, Any]) -> str:
        """By what the person is known, from the ID token or else the provider's own answer (section 5.3)."""
        if not any(claims.get(name) for name in _NAMES) and self._provider().get("userinfo_endpoint"):
            bearer = {"Authorization": f"Bearer {tokens.get('access_token', '')}"}
            more = self._asked("GET", _text(self._provider(), "userinfo_endpoint"), headers=bearer)
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        if claims.get("email") and claims.get("email_verified") is not False:
            return str(claims["email"])
        return str(claims.get("preferred_username") or claims["sub"])

    def _provider(self) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0, section 4)."""
        if not self._metadata or time.monotonic() - self._asked_at > _REMEMBERED:
            found = self._asked(
                "GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            )
            if found.get("issuer") != self._settings.issuer:
                raise InputError(
                    f"{self.name} calls itself {showable(str(found.get('issuer')))}: give --oidc-issuer just so."
                )
            self._metadata, self._asked_at = found, time.monotonic()
        return self._metadata

    def _asked(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """The JSON object that the provider answers."""
        with self._session() as session:
            try:
                auth = session.client_auth(session.token_endpoint_auth_method) if form is not None else None
                answer: Mapping[str, Any] = session.request(
                    method, url, data=form, auth=auth, headers=headers, withhold_token=True
                ).json()
            except AuthError as error:
                raise InputError(f"The sign-in at {self.name} did not work. {error.text}") from error
            except (ValueError, TypeError) as error:
                raise InputError(f"What {self.name} answered can't be understood.") from error
        return answer

    def _session(self) -> Any:
        make: Any = _Session  # its arguments are Authlib's, which has no types
        session = make(
            client_id=self._settings.client_id,
            client_secret=self._settings.secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._settings.secret else "none",
            scope=_SCOPE,
            code_challenge_method="S256",
        )
        session.use(_LIMITS)
        return session


def checked(issuer: str, client_id: str, secret: str) -> OpenIdSettings:
    """Settings that can be used. Raises `InputError`."""
    if not client_id:
        raise InputError("--oidc-issuer and --oidc-client-id belong together: give both.")
    try:
        require_https(issuer, "--oidc-issuer")
    except AuthError as error:
        raise InputError(f"{error.text} {error.hint}") from error
    return OpenIdSettings(issuer, client_id, secret)


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"The provider does not say its {name}.")
    return value
