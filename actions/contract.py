"""What an action sees of the place where it runs, and what it gives back. Nothing here knows which place it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from auth.settings import Login, MakeRedirect, State

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asset:
    """The asset's settings, parsed once from the fields that `connector.json` declares.

    Texts that were not given are ""; times are seconds. `id` is the host's name for the asset, which its
    state (tokens) hangs on. Secrets are left out of the `repr`.
    """

    id: str
    server: str
    port: int
    ssl_config: str
    """None, SSL or StartTLS, as in the manifest."""
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    auth_url: str = ""
    token_url: str = ""
    scopes: str = ""
    refresh_token: str = field(default="", repr=False)
    sender_address: str = ""
    auth_type: str = "Automatic"
    allow_smtputf8: bool = True
    encoding: bool = True
    verify_server_cert: bool = True
    ca_bundle: str = ""
    client_cert: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    client_key_password: str = field(default="", repr=False)
    allow_plaintext_auth: bool = False
    connection_timeout: float = 15.0
    read_timeout: float = 60.0
    ehlo_name: str = ""
    disable_pipelining: bool = False
    disable_chunking: bool = False

    @property
    def login(self) -> Login:
        """The fields that decide who we are to the server."""
        return Login(
            id=self.id,
            server=self.server,
            port=self.port,
            auth_type=self.auth_type,
            username=self.username,
            password=self.password,
            client_id=self.client_id,
            client_secret=self.client_secret,
            auth_url=self.auth_url,
            token_url=self.token_url,
            scopes=self.scopes,
            refresh_token=self.refresh_token,
            has_client_certificate=bool(self.client_cert),
            ca_bundle=self.ca_bundle,
            connection_timeout=self.connection_timeout,
            read_timeout=self.read_timeout,
        )


@dataclass(frozen=True, slots=True)
class VaultFile:
    """A file of the vault: `vault_id` is the SHA-1 of its content in hex, `size` in octets."""

    vault_id: str
    name: str
    size: int
    path: Path


class VaultError(LookupError):
    """The vault has no readable file of that id. The message names the id and the reason."""


class HostError(Exception):
    """The place where it runs can't do its part: a full disk, a store that can't be read. The message is for users."""


class Vault(Protocol):
    def find(self, vault_id: str) -> VaultFile:
        """Look in the run's container, then anywhere. Raises `VaultError`."""


class Context(Protocol):
    """One action run. `run_id` is new for each; `container_id` is "" outside a container."""

    @property
    def asset(self) -> Asset: ...

    @property
    def container_id(self) -> str: ...

    @property
    def vault(self) -> Vault: ...

    @property
    def state(self) -> State: ...

    @property
    def redirect(self) -> MakeRedirect | None:
        """The host's own address for a browser that signs in; None where the run itself can listen for it."""

    def progress(self, text: str) -> None:
        """Tell whoever is watching. `text` is plain text; the host escapes what it has to."""

    def sent(self, octets: int, size: int) -> None:
        """Tell whoever is watching how much of a large message has left."""

    def is_cancelled(self) -> bool:
        """Whether somebody asked this run to stop."""

    def once(self, make: Callable[[], T], close: Callable[[T], None]) -> T:
        """What `make` returned the first time in this action run; `close` is called with it at the run's end."""


@dataclass(slots=True)
class Report:
    """What an action has to say about one parameter set: it becomes an action result."""

    success: bool
    message: str
    data: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)


class ActionError(Exception):
    """An action can't go on. It carries the whole report of the failure, ready to be shown."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.message)
        self.report = report


def no_delivery() -> dict[str, Any]:
    """A result's data where no server has been spoken to: every key of the manifest's data paths, none with a fact."""
    return {
        "outcome": "not sent",
        "message_id": "",
        "sender": "",
        "recipients": [],
        "server_reply": "",
        "queue_id": "",
        "size": 0,
        "attachments": [],
        "warnings": [],
        "server": "",
        "tls_version": "",
        "tls_cipher": "",
        "auth_method": "",
        "auth_mechanism": "",
        "duration_ms": 0,
    }


def failure(*, step: str, category: str, hint: str = "", retryable: bool = False) -> dict[str, Any]:
    """A result's failure in which no server's reply plays a part."""
    return {
        "step": step,
        "code": None,
        "enhanced_code": "",
        "reply": "",
        "category": category,
        "retryable": retryable,
        "retry_after": None,
        "hint": hint,
    }
