"""Logins and states for the tests of authentication."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from auth.oauth.method import OAuth
from auth.oauth.sign_in import SignIn
from auth.settings import Login, State
from smtp.sasl.credentials import BearerCredentials
from tests.support.token_endpoint import TokenEndpoint

CANARY = "c4nary-client-s3cret/+="
ANN = "ann@example.com"


class KeptState:
    """State in memory that holds only what could be written down as JSON."""

    def __init__(self) -> None:
        self.text = "{}"
        self.saves = 0
        self._lock = threading.RLock()

    def load(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.text)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        self.saves += 1
        self.text = json.dumps(dict(state))

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def change(self, **changes: Any) -> None:
        """Put other values into the token that is kept."""
        state = self.load()
        state["oauth"]["token"] |= changes
        self.save(state)


def login(provider: TokenEndpoint | None = None, **fields: Any) -> Login:
    """A login that signs in at `provider`; `fields` are its own."""
    values: dict[str, Any] = {
        "id": "7",
        "server": "mx.example.com",
        "port": 587,
        "username": ANN,
        "read_timeout": 5.0,
        "connection_timeout": 2.0,
    }
    if provider is not None:
        values |= {"client_id": provider.behaviour.client_id, "token_url": provider.token_url}
    return Login(**(values | fields))


def token_of(settings: Login, state: State, sign_in: SignIn | None = None) -> str:
    """The access token that would be presented to the mail server."""
    credentials = OAuth(settings, state, sign_in).get_credentials(lambda _: None)
    assert isinstance(credentials, BearerCredentials)
    assert (credentials.username, credentials.host, credentials.port) == (ANN, "mx.example.com", 587)
    return credentials.token
