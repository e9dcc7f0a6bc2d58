"""What an action sees of the place where it runs, and what it gives back. Nothing here knows which place it is.

An action is a module of this room whose name is the action's identifier in `connector.json`. It has:

- `Parameters`, a type whose `parse(values)` takes values that the manifest's schema has accepted;
- `prepare(parameters, context)`, which checks everything, connects nowhere, and returns what is to be sent
  (`delivery.attempt.Outgoing`); or, for what is not one mail, `run(parameters, context, transport)`, which returns
  a `Report`, and which may have `check(parameters, context)` too: it raises a `MessageError` for what is wrong;
- `MAY_SIGN_IN = True` where a person watches and can sign in at a provider. Only a `run` may have it.

What it can't do it raises, as a `MailError`; `host.action_run` makes the report of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from auth.settings import MakeRedirect, State
from delivery.asset import Asset
from delivery.observer import Observer
from smtp.errors import Category, MailError

MAY_SIGN_IN = "MAY_SIGN_IN"
KEY = "idempotency_key"
"""The parameter of every send that says: once, however often it is asked for."""


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class VaultFile(NamedTuple):
    """A file of the vault: `vault_id` is the SHA-1 of its content in hex, `size` in octets.

    `names` has all the names under which this content was added there, the latest last.
    """

    vault_id: str
    name: str
    size: int
    path: Path
    names: tuple[str, ...] = ()


class VaultError(MailError, LookupError):
    """The vault has no readable file of that id. The message names the id and the reason."""

    def __init__(self, text: str) -> None:
        hint = "Add the file to the vault, or correct its vault id."
        super().__init__(text, step="vault", category=Category.INPUT, hint=hint)


class HostError(MailError):
    """The place where it runs can't do its part: a full disk, a store that can't be read. The message is for users."""

    def __init__(self, text: str) -> None:
        super().__init__(text, step="host", category=Category.CONFIGURATION)


class KeyInProgress(MailError):
    """A mail with the same idempotency key is being sent: nobody knows yet what will become of it."""

    def __init__(self) -> None:
        text = "A mail with this idempotency_key is in progress; it was not sent a second time."
        hint = "Ask again with the same key to learn what became of it."
        super().__init__(text, step=KEY, category=Category.TEMPORARY, retryable=True, hint=hint)


class KeyOfOtherContent(MailError):
    """The idempotency key belongs to a mail with another content."""

    def __init__(self) -> None:
        text = "The idempotency_key is taken: a mail with another content has this key."
        hint = "Give each mail a key of its own, and the same one only to the same mail."
        super().__init__(text, step=KEY, category=Category.INPUT, hint=hint)


class Vault(Protocol):
    def find(self, vault_id: str) -> VaultFile:
        """Look in the run's container, then anywhere. Raises `VaultError`."""

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """Put a new file into the run's container, and return its vault id. Raises `VaultError`."""


class Context(Observer, Protocol):
    """One action run, as its action sees it. `container_id` is "" outside a container."""

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


class Report(NamedTuple):
    """What an action has to say about one parameter set: it becomes an action result."""

    success: bool
    message: str
    data: Sequence[dict[str, Any]] = ()
    summary: Mapping[str, Any] = _NOTHING
