"""What authentication knows of an asset, keeps between runs, and gives back: a login, and the ports to the host."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from smtp.text import repr_without

if TYPE_CHECKING:
    from smtp.sasl.credentials import Credentials

Progress = Callable[[str], None]

TOKEN_BELONGS_TO = ("server", "username", "client_id", "token_url")
"""The fields that a token was obtained with. When one of them changes, it is not used any more."""

LOGIN_AS_USERNAME, LOGIN_AS_SENDER = "username", "sender"
_SECRETS = frozenset(
    {
        "password",
        "client_secret",
        "refresh_token",
        "oauth_certificate",
        "oauth_certificate_password",
        "service_account_json",
    }
)


class Login(NamedTuple):
    """Who we are to the server, as the asset's fields of the same names say it; a text that was not given is "".

    `id` is the host's name for the asset, which its tokens hang on. `has_client_certificate` says that TLS shows
    one, which some servers take for a login. `ca_bundle` (authorities, PEM: a file's name or text) and the
    timeouts, in seconds, are for the provider's token endpoint. Secrets are left out of the `repr`.
    """

    id: str
    server: str
    port: int
    auth_type: str = "Automatic"
    username: str = ""
    password: str = ""
    client_id: str = ""
    client_secret: str = ""
    auth_url: str = ""
    token_url: str = ""
    scopes: str = ""
    refresh_token: str = ""
    device_code: bool = False
    device_url: str = ""
    oauth_certificate: str = ""
    oauth_certificate_password: str = ""
    federated_token_file: str = ""
    managed_identity: str = ""
    """"true", or the client id of a user-assigned identity."""
    service_account_json: str = ""
    login_as: str = LOGIN_AS_USERNAME
    has_client_certificate: bool = False
    ca_bundle: str = ""
    connection_timeout: float = 15.0
    read_timeout: float = 60.0

    def __repr__(self) -> str:
        return repr_without(_SECRETS, "Login", self._asdict())

    @property
    def asks_a_person(self) -> bool:
        """Whether a person signs in once, in a browser here or with a code elsewhere."""
        return bool(self.auth_url or self.device_code) and not self.is_application

    @property
    def is_application(self) -> bool:
        """Whether the application itself logs in, so that a token can be had at any time."""
        if self.service_account_json or self.managed_identity:
            return True
        return not (self.auth_url or self.device_code or self.refresh_token)

    def as_sender(self, address: str) -> Login:
        """Return the login for a mail from `address`: itself, unless an application logs in as each mail's sender."""
        return self._replace(username=address) if self.login_as == LOGIN_AS_SENDER else self


class State(Protocol):
    """What is remembered for an asset between runs; the host encrypts it where it lies."""

    def load(self) -> dict[str, Any]:
        """Return what was saved last, read anew; empty when there is nothing."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace it, whole or not at all."""

    def lock(self) -> AbstractContextManager[object]:
        """Exclude every other process and thread that uses this asset's state meanwhile."""


class Redirect(Protocol):
    """Where a provider sends a browser back to after a sign-in."""

    @property
    def uri(self) -> str: ...

    def wait(self, cancelled: Callable[[], bool]) -> str | None:
        """Wait for the query that the browser comes back with; None when time is up or somebody cancelled."""


MakeRedirect = Callable[[str, float], AbstractContextManager[Redirect]]
"""Given the `state` that a query brings if it is ours (anybody can send a request to a redirect URI), and the seconds
for which it is waited for."""


class Method(Protocol):
    """A way to log in."""

    @property
    def name(self) -> str:
        """As in the asset's `auth_type`."""

    @abstractmethod
    def get_credentials(self, progress: Progress) -> Credentials | None:
        """Return what to log in with; None: nothing. Raises `AuthError`."""

    @abstractmethod
    def renew(self, progress: Progress) -> bool:
        """After a 535: say whether there are other credentials now. At most once true. Raises `AuthError`."""
