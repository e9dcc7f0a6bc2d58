"""What authentication needs to know and to keep, as shapes that the host's objects happen to have."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from smtp.sasl.mechanism import Credentials

Progress = Callable[[str], None]


class Settings(Protocol):
    """The fields of the asset that decide who we are to the server; a text that was not given is ""."""

    @property
    def id(self) -> str: ...
    @property
    def server(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def auth_type(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def auth_url(self) -> str: ...
    @property
    def token_url(self) -> str: ...
    @property
    def scopes(self) -> str: ...
    @property
    def refresh_token(self) -> str: ...
    @property
    def client_cert(self) -> str: ...
    @property
    def ca_bundle(self) -> str: ...
    @property
    def connection_timeout(self) -> float: ...
    @property
    def read_timeout(self) -> float: ...


class State(Protocol):
    """What is remembered between runs; the host encrypts it and writes it whole or not at all."""

    def load(self) -> dict[str, Any]: ...

    def save(self, state: Mapping[str, Any]) -> None: ...

    def lock(self) -> AbstractContextManager[object]: ...


class Method(Protocol):
    """A way to log in."""

    @property
    def name(self) -> str:
        """As in the asset's `auth_type`."""

    @abstractmethod
    def credentials(self, progress: Progress) -> Credentials | None:
        """What to log in with; None: nothing. Raises `AuthError`."""

    @abstractmethod
    def renew(self, progress: Progress) -> bool:
        """After a 535: whether there are other credentials now. At most once true. Raises `AuthError`."""
