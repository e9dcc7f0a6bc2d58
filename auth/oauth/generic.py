"""Every provider that isn't Microsoft, through Authlib's client on requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from authlib.common.security import generate_token  # type: ignore[import-untyped]  # no stubs
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]  # no stubs

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.assertion import (
    ASSERTION_TYPE,
    EXCHANGE_GRANT,
    TYPE_ACCESS,
    TYPE_JWT,
    client_assertion,
    federated_token,
)
from auth.oauth.endpoints import device_url_of, is_google, scopes_of
from auth.oauth.provider import DEVICE_GRANT, DeviceRequest, Request, device_request
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp.errors import Category

_POST, _BASIC, _PUBLIC = "client_secret_post", "client_secret_basic", "none"
_ASSERTION = "private_key_jwt"
_HEADERS = MappingProxyType({"Accept": "application/json"})
_TRUST = "Check that the provider trusts the issuer and the audience of the token in federated_token_file."
_VERIFIER_LENGTH = 64  # RFC 7636 section 4.1: 43 to 128 characters


class _Session(BoundedSession, OAuth2Session):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client, with our limits around what it sends."""


class Generic:
    """One provider, as the asset describes it."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._scopes = scopes_of(login)
        self._assertion = ""

    def begin(self, redirect_uri: str, state: str) -> Request:
        verifier = generate_token(_VERIFIER_LENGTH)
        extra: dict[str, str] = {}
        if is_google(self._login.auth_url):
            # Only so does Google give a refresh token, and give one again to somebody who has signed in before.
            extra = {"access_type": "offline", "prompt": "consent", "login_hint": self._login.username}
        session = self._session(_PUBLIC)
        link, _ = session.create_authorization_url(
            self._login.auth_url,
            state=state,
            code_verifier=verifier,
            redirect_uri=redirect_uri,
            **extra,
        )
        return Request(link, {"code_verifier": verifier, "redirect_uri": redirect_uri})

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "code_verifier": secrets["code_verifier"],
            "redirect_uri": secrets["redirect_uri"],
        }
        return self._request_token(form, Token(), hidden=(answer["code"], secrets["code_verifier"]))

    def refresh(self, token: Token) -> Token:
        # Without a scope the one that was granted stays (RFC 6749 section 6). A provider may have granted less
        # than was asked for (section 3.3), and refuses a refresh that asks for all of it again.
        scope = "" if token.scopes == self._scopes else self._scopes
        form = {"grant_type": "refresh_token", "refresh_token": token.refresh_token, "scope": scope}
        return self._request_token(form, token, hidden=(token.refresh_token,))

    def begin_device(self) -> DeviceRequest:
        url = device_url_of(self._login)
        for way in self._ways(""):
            answer = self._ask(url, {"scope": self._scopes}, way)
            if answer.get("error") != "invalid_client":
                break
        if "error" in answer:
            raise refusal(answer, Step.SIGN_IN, self._secrets())
        return device_request(answer)

    def redeem_device(self, request: DeviceRequest) -> Token:
        code = request.secrets["device_code"]
        return self._request_token({"grant_type": DEVICE_GRANT, "device_code": code}, Token(), hidden=(code,))

    def get_application_token(self) -> Token:
        if self._exchanges_a_token:
            return self._exchange()
        return self._request_token({"grant_type": "client_credentials", "scope": self._scopes}, Token())

    @property
    def _exchanges_a_token(self) -> bool:
        """Whether the workload's token is what is exchanged, because something else proves who the application is."""
        login = self._login
        return bool(login.federated_token_file and (login.client_secret or login.oauth_certificate))

    def _exchange(self) -> Token:
        """Get a token for the one in the file (RFC 8693 section 2.1)."""
        subject = federated_token(self._login)
        form = {
            "grant_type": EXCHANGE_GRANT,
            "subject_token": subject,
            "subject_token_type": TYPE_JWT,
            "requested_token_type": TYPE_ACCESS,
            "scope": self._scopes,
        }
        try:
            return self._request_token(form, Token(), hidden=(subject,))
        except AuthError as exc:
            if exc.oauth_error in ("invalid_request", "invalid_grant"):  # section 2.2.2, and what others say
                exc.hint = _TRUST
            raise

    def _request_token(self, form: Mapping[str, str], before: Token, hidden: tuple[str, ...] = ()) -> Token:
        """Make a token request, with the client's secret where the provider wants it.

        RFC 6749 section 2.3.1 knows two places, and most providers take one of them only. The one that worked
        is remembered in the token.
        """
        asked_at = time.time()
        for way in self._ways(before.memory):
            answer = self._ask(self._login.token_url, form, way)
            if "error" not in answer:
                return granted(
                    answer,
                    asked_at=asked_at,
                    scopes=self._scopes,
                    refresh_token=before.refresh_token,
                    memory=way,
                )
            if answer["error"] != "invalid_client":
                break
        raise refusal(answer, Step.TOKEN, self._secrets(*hidden))

    def _ways(self, remembered: str) -> tuple[str, ...]:
        if self._login.oauth_certificate:
            return (_ASSERTION,)
        if not self._login.client_secret:
            return (_ASSERTION if self._login.federated_token_file else _PUBLIC,)
        return (_BASIC, _POST) if remembered == _BASIC else (_POST, _BASIC)

    def _ask(self, url: str, form: Mapping[str, str], way: str) -> Mapping[str, Any]:
        """What the provider said, an error included."""
        body = {name: value for name, value in form.items() if value}
        if way == _ASSERTION:
            self._assertion = client_assertion(self._login)
            body |= {
                "client_id": self._login.client_id,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion,
            }
        with self._session(way) as session:
            try:
                return self._post(session, url, body, way)
            except (ValueError, TypeError) as exc:
                # From Authlib itself: a secret it can't encode, an answer of a strange shape. It may quote both.
                raise AuthError(
                    f"The token request could not be made or understood ({type(exc).__name__}).",
                    step=Step.TOKEN,
                    category=Category.PROTOCOL,
                    hint="Check client_id, client_secret and token_url of the asset.",
                ) from None

    def _post(self, session: Any, url: str, body: Mapping[str, str], way: str) -> Mapping[str, Any]:
        auth = None if way == _ASSERTION else session.client_auth(way)
        response = session.post(url, data=body, auth=auth, headers=dict(_HEADERS), withhold_token=True)
        answer: Mapping[str, Any] = response.json()
        return answer

    def _secrets(self, *hidden: str) -> tuple[str, ...]:
        basic = f"{self._login.client_id}:{self._login.client_secret}" if self._login.client_secret else ""
        return (*hidden, self._login.client_secret, basic, self._assertion)

    def _session(self, way: str) -> Any:
        make: Any = _Session  # its arguments are Authlib's, which has no types
        session = make(
            client_id=self._login.client_id,
            client_secret=self._login.client_secret or None,
            token_endpoint_auth_method=way,
            scope=self._scopes or None,
            code_challenge_method="S256",
        )
        session.use(limits_of(self._login))
        return session
