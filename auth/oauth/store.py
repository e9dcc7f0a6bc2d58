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
from auth.settings import LOGIN_AS_SENDER, TOKEN_BELONGS_TO, Login, State

_KEY = "oauth"
_BOUND = (*TOKEN_BELONGS_TO, "managed_identity")
MAX_SENDERS = 20
"""Of a service account that acts for each mail's sender, the tokens of so many senders are kept."""


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
        self._key = _KEY
        bound: tuple[str, ...] = _BOUND
        if login.login_as == LOGIN_AS_SENDER:
            if login.service_account_json:
                self._key = f"{_KEY} {login.username}"  # a token is for one mailbox
            else:
                bound = tuple(name for name in _BOUND if name != "username")  # it is the application's own
        self._binding = {name: str(getattr(login, name)) for name in bound}
        self._given = login.refresh_token
        # What the asset gives to start from is recognised by its hash: a refresh token may be replaced many times
        # over while the asset goes on naming the first.
        self._seed_field = "service_account_json" if login.service_account_json else "refresh_token"
        seed = str(getattr(login, self._seed_field))
        self._seed = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest() if seed else ""

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
        changed = tuple(name for name, value in self._binding.items() if bound_to.get(name, "") != value)
        if record.get("seed") != self._seed:
            changed += (self._seed_field,)
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
        record = self._state.load().get(self._key)
        return dict(record) if isinstance(record, Mapping) else {}

    def _update(self, **changes: Any) -> None:
        state = self._state.load()
        record = state.pop(self._key, None)
        senders = [key for key in state if key.startswith(f"{_KEY} ")]
        for key in senders[: max(0, len(senders) - MAX_SENDERS + 1)]:
            del state[key]  # those that were saved longest ago
        state[self._key] = {**(record if isinstance(record, Mapping) else {}), **changes}
        self._state.save(state)
