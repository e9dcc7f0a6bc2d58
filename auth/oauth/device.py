"""A person signs in with a code on another device (RFC 8628): the machine that this runs on needs no browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from auth.errors import AuthError, Step
from auth.oauth.provider import DeviceRequest, Provider
from auth.oauth.store import TokenStore
from auth.oauth.token import Token
from auth.settings import Progress
from smtp.errors import Category
from smtp.text import showable

MAX_WAIT = 900.0
"""Seconds that a sign-in is waited for, however long the provider's code holds."""
MAX_INTERVAL = 60.0
_SLOWER = 5.0  # seconds more between two questions after slow_down (RFC 8628 section 3.5)
_POLL = 0.1
_AGAIN = "Run test connectivity again, and enter the code that it shows."


def sign_in_with_code(
    username: str, provider: Provider, store: TokenStore, progress: Progress, cancelled: Callable[[], bool]
) -> Token:
    """Show code and address, wait for the sign-in, and save the token. Raises `AuthError`."""
    request = provider.begin_device()
    until = time.monotonic() + min(request.seconds, MAX_WAIT)
    progress(_invitation(username, request))
    interval = request.interval
    while _pause(min(interval, MAX_INTERVAL), until, cancelled):
        try:
            token = provider.redeem_device(request)
        except AuthError as exc:
            if exc.oauth_error == "slow_down":
                interval += _SLOWER
            elif exc.retryable:
                interval *= 2  # RFC 8628 section 3.5: back off when the connection fails
            elif exc.oauth_error == "expired_token":
                break
            elif exc.oauth_error != "authorization_pending":
                raise
            continue
        with store.lock():
            store.save(token)
        return token
    if cancelled():
        raise AuthError("The sign-in was cancelled.", step=Step.SIGN_IN, category=Category.CANCELLED)
    raise AuthError(
        f"Nobody signed in with the code {showable(request.user_code)} in time.",
        step=Step.SIGN_IN,
        category=Category.AUTHENTICATION,
        hint=_AGAIN,
    )


def _invitation(username: str, request: DeviceRequest) -> str:
    minutes = max(1, round(min(request.seconds, MAX_WAIT) / 60))
    text = (
        f"To sign in as {username}, open {showable(request.address)} on any device within {minutes} min "
        f"and enter the code {showable(request.user_code)}"
    )
    return f"{text}, or open {showable(request.link)}" if request.link else text


def _pause(seconds: float, until: float, cancelled: Callable[[], bool]) -> bool:
    """Wait for `seconds`; false when time is up before, or somebody cancelled."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cancelled() or time.monotonic() >= until:
            return False
        pause.wait(_POLL)
    return not cancelled()
