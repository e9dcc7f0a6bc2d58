"""Where an asset's token is kept between runs: in the host's state for the asset, which the host encrypts.

A token belongs to the settings it was obtained with. When the server, the account or the application
changes, it is not used any more: it would show one server who we are to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from auth.oauth.token import Token
from auth.settings import TOKEN_BELONGS_TO, Login, State

_KEY = "oauth"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store knew. `changed` names the settings that an earlier token does not belong to any more.

    `unfinished`: a refresh was begun and its outcome never saved, so the provider may have replaced the
    refresh token without our having the new one.
    """

    token: Token
    changed: tuple[str, ...] = ()
    unfinished: bool = False


class TokenStore:
    """The token of one asset. Whoever reads, asks the provider and writes holds `lock` all the while."""

    def __init__(self, login: Login, state: State) -> None:
        self._state = state
        self._binding = {name: getattr(login, name) for name in TOKEN_BELONGS_TO}
        self._given = login.refresh_token
        # The asset's own refresh token is recognised by its hash: it may be replaced many times over while
        # the asset goes on naming the first.
        self._seed = hashlib.sha256(self._given.encode("utf-8", "replace")).hexdigest() if self._given else ""

    def lock(self) -> AbstractContextManager[object]:
        """Exclude the other processes and threads that use this asset's state."""
        return self._state.lock()

    def load(self) -> Remembered:
        """What was saved last, or the refresh token that the asset gives to start from."""
        record = self._record()
        token = Token.parse(record.get("token"))
        start = Token(refresh_token=self._given)
        if token is None:
            return Remembered(start)
        bound_to = record.get("bound_to")
        bound_to = bound_to if isinstance(bound_to, Mapping) else {}
        changed = tuple(name for name in TOKEN_BELONGS_TO if bound_to.get(name) != self._binding[name])
        if record.get("seed") != self._seed:
            changed += ("refresh_token",)
        if changed:
            return Remembered(start, changed)
        return Remembered(token, unfinished=record.get("unfinished") is True)

    def save(self, token: Token, *, unfinished: bool = False) -> None:
        """Remember `token`; `unfinished`: as it is before a refresh whose outcome is not known yet."""
        self._update(token=token.as_dict(), bound_to=self._binding, seed=self._seed, unfinished=unfinished)

    def save_sign_in(self, pending: Mapping[str, Any]) -> None:
        """Remember the sign-in that was begun last; there is never more than one."""
        self._update(sign_in=dict(pending))

    def sign_in(self) -> Mapping[str, Any]:
        """The sign-in that was begun, or nothing."""
        pending = self._record().get("sign_in")
        return pending if isinstance(pending, Mapping) else {}

    def drop_sign_in(self) -> None:
        self._update(sign_in=None)

    def _record(self) -> dict[str, Any]:
        record = self._state.load().get(_KEY)
        return dict(record) if isinstance(record, Mapping) else {}

    def _update(self, **changes: Any) -> None:
        state = self._state.load()
        record = state.get(_KEY)
        state[_KEY] = {**(record if isinstance(record, Mapping) else {}), **changes}
        self._state.save(state)
