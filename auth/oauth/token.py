"""Tokens, and how long they hold."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from auth.errors import AuthError, Step
from smtp.errors import Category

DEFAULT_LIFETIME = 3_600
"""Seconds that a token is taken to hold when the provider does not say (RFC 6749 section 5.1 lets it)."""
MAX_LIFETIME = 365 * 24 * 3_600
REFRESH_AHEAD = 300
"""Seconds before its end at which a token is refreshed, or a fifth of its life if that is less."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a provider gave us. Times are seconds since the epoch; without `access_token` it is only a start.

    `memory` is what the provider's library wants to be handed back the next time.
    """

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: float = 0.0
    refresh_at: float = 0.0
    scopes: str = ""
    memory: str = field(default="", repr=False)

    @classmethod
    def parse(cls, values: object) -> Self | None:
        """What `as_dict` of an earlier run gave; None when it isn't that."""
        if not isinstance(values, Mapping):
            return None
        try:
            token = cls(**values)
        except TypeError:
            return None
        texts = (token.access_token, token.refresh_token, token.scopes, token.memory)
        times = (token.expires_at, token.refresh_at)
        sound = all(isinstance(text, str) for text in texts) and all(
            isinstance(t, int | float) for t in times
        )
        return token if sound else None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def is_usable(self) -> bool:
        """An expired token is never used again."""
        return bool(self.access_token) and time.time() < self.expires_at

    def is_fresh(self, scopes: str) -> bool:
        """Whether it can be used for `scopes` and it isn't time to refresh it yet."""
        return self.is_usable() and time.time() < self.refresh_at and self.scopes == scopes


def granted(
    answer: Mapping[str, Any], *, asked_at: float, scopes: str, refresh_token: str = "", memory: str = ""
) -> Token:
    """The token in a provider's answer; `refresh_token` goes on being used when the answer brings no other.

    `asked_at` is when the request left: counted from there, a token never seems to hold longer than it does.
    """
    access_token = answer.get("access_token")
    if not isinstance(access_token, str) or not access_token or not _is_token(access_token):
        raise _unusable("The token endpoint's answer holds no usable access_token.")
    kind = answer.get("token_type") or "Bearer"  # not everybody says it
    if not isinstance(kind, str) or kind.strip().lower() != "bearer":
        raise _unusable("The token endpoint gave a token that isn't of the type Bearer.")
    replaced = answer.get("refresh_token")
    if isinstance(replaced, str) and replaced:
        refresh_token = replaced
    seconds = lifetime(answer.get("expires_in"))
    return Token(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_at=asked_at + seconds,
        refresh_at=asked_at + seconds - min(REFRESH_AHEAD, seconds / 5),
        scopes=scopes,
        memory=memory,
    )


def lifetime(expires_in: object) -> int:
    """`expires_in` in whole seconds. Providers send it as a number, as a string, not at all, or absurd."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return DEFAULT_LIFETIME
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return DEFAULT_LIFETIME
    if not math.isfinite(seconds) or seconds < 1:
        return DEFAULT_LIFETIME
    return int(min(seconds, MAX_LIFETIME))


def _is_token(text: str) -> bool:
    """One printable ASCII word: anything else could not be sent (RFC 6750 section 2.1 is stricter still)."""
    return text.isascii() and text.isprintable() and " " not in text


def _unusable(text: str) -> AuthError:
    return AuthError(
        text,
        step=Step.TOKEN,
        category=Category.PROTOCOL,
        hint="Check that token_url is the provider's token endpoint.",
    )
