"""What the rest of OAuth asks of a provider."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from auth.errors import AuthError, Step
from auth.oauth.token import Token, lifetime
from smtp.errors import Category


@dataclass(frozen=True, slots=True)
class Request:
    """A sign-in that was begun: the link to open, and what `redeem` needs to have back (a JSON object)."""

    link: str
    secrets: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A sign-in that was begun for another device: what to enter where, within `seconds`.

    `link` has the code in it already, "" where the provider offers none; `interval` is the seconds between two
    questions, and `secrets` what `redeem_device` needs to have back.
    """

    user_code: str
    address: str
    link: str
    seconds: float
    interval: float
    secrets: Mapping[str, Any] = field(repr=False)


DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def device_request(answer: Mapping[str, Any]) -> DeviceRequest:
    """Read the answer of a device authorization endpoint. Raises `AuthError` where it can't be used."""
    # Google, older than the RFC, has a name of its own for the address.
    address = answer.get("verification_uri") or answer.get("verification_url")
    texts = (answer.get("device_code"), answer.get("user_code"), address)
    if not all(isinstance(text, str) and text for text in texts) or not _is_for_browsers(str(address)):
        raise AuthError(
            "The provider's answer to the sign-in with a code lacks the code or the address.",
            step=Step.SIGN_IN,
            category=Category.PROTOCOL,
            hint="Check that device_url is the provider's device authorization endpoint.",
        )
    link = answer.get("verification_uri_complete")
    return DeviceRequest(
        user_code=str(answer["user_code"]),
        address=str(address),
        link=link if isinstance(link, str) and _is_for_browsers(link) else "",
        seconds=lifetime(answer.get("expires_in")),
        interval=_interval(answer.get("interval")),
        secrets=dict(answer),
    )


def _is_for_browsers(address: str) -> bool:
    """Whether it is the address of a page, and not one that runs or opens something else (`javascript:`)."""
    return re.match(r"\s*[a-z][a-z0-9+.-]*:(?!\d)", address, re.IGNORECASE) is None or bool(
        re.match(r"https?://", address, re.IGNORECASE)
    )


def _interval(value: object) -> float:
    """Seconds, 5 where the provider does not say (RFC 8628 section 3.2)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 5.0
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return 5.0
    return seconds if 0 < seconds < math.inf else 5.0


class Application(Protocol):
    """Who can get a token for itself."""

    def get_application_token(self) -> Token:
        """Get a token that nobody has to sign in for (RFC 6749 section 4.4). Raises `AuthError`."""


class Provider(Application, Protocol):
    """Each of these makes at most a few requests, and raises `AuthError`."""

    def begin(self, redirect_uri: str, state: str) -> Request:
        """Begin an authorization code flow with PKCE S256 (RFC 7636)."""

    def redeem(self, secrets: Mapping[str, Any], answer: Mapping[str, str]) -> Token:
        """End it with a token. `answer` is the query of the redirect, whose `state` was checked."""

    def refresh(self, token: Token) -> Token:
        """Get a new token for the refresh token in `token`."""

    def begin_device(self) -> DeviceRequest:
        """Begin a sign-in on another device (RFC 8628 section 3.1)."""

    def redeem_device(self, request: DeviceRequest) -> Token:
        """Ask whether it is done (RFC 8628 section 3.4). `AuthError.oauth_error` says when it isn't yet."""
