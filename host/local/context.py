"""What an action sees of this machine: `contract.Context` over a data folder, and somebody who watches."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from actions.contract import VaultFile
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pace import Pace
from delivery.pool import Slots
from host.action_run import Journal
from host.braces import double_braces
from host.local.home import Home
from host.local.ledger import Heading, Ledger
from host.local.limits import DatabasePace
from host.local.slots import MachineSlots
from host.manifest.model import load
from smtp.transcript import Transcript

if TYPE_CHECKING:
    from auth.settings import MakeRedirect, State
    from host.local.base_connector import BaseConnector


class Watcher(Protocol):
    """Somebody who watches an action run."""

    def progress(self, text: str) -> None:
        """Something was found or done."""

    def sent(self, octets: int, size: int) -> None:
        """So much of a large message has left."""

    def session_ended(self, transcript: Transcript) -> None:
        """A session with the server is over; so went its dialogue."""

    def finished(self, success: bool, message: str) -> None:
        """A parameter set has its result."""


class Unwatched:
    """Nobody watches."""

    def progress(self, text: str) -> None:
        """Nobody looks."""

    def sent(self, octets: int, size: int) -> None:
        """Nobody looks."""

    def session_ended(self, transcript: Transcript) -> None:
        """Nobody looks."""

    def finished(self, success: bool, message: str) -> None:
        """Nobody looks."""


class Recorder(Journal, Protocol):
    """The journal of a run on this machine."""

    @property
    def number(self) -> int:
        """The run's, 0 before it has begun."""

    @property
    def has_begun(self) -> threading.Event:
        """Set once the run is in the database."""

    def ended(self, attempt: Attempt) -> None:
        """Write down what became of a mail, which is told later, when those before it are."""


class LocalContext:
    """One action run, written down in a ledger of its own unless a journal is given.

    The data folder is opened when an action asks for something that lies there.
    """

    def __init__(
        self,
        asset: Asset,
        heading: Heading,
        home: Home,
        watcher: Watcher,
        redirect: MakeRedirect | None = None,
        journal: Recorder | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.asset = asset
        self.redirect = redirect
        """None: a browser on this machine is sent back to the run itself."""
        self.container_id = heading.container_id
        self.slots: Slots = MachineSlots(home.folder)
        self.pace: Pace = pace or DatabasePace(home.folder, is_urgent=True)
        self.journal = journal or Ledger(home.folder, heading, asset, self.progress, self.is_cancelled)
        self._home = home
        self._watcher = watcher
        self._is_cancelled = False
        self._telling = threading.Lock()

    @cached_property
    def vault(self) -> ContainerVault:
        return ContainerVault(self._home, self.container_id)

    @cached_property
    def state(self) -> State:
        return self._home.state(self.asset.id)

    def progress(self, text: str) -> None:
        with self._telling:  # several sessions tell at once
            self._watcher.progress(text)

    def sent(self, octets: int, size: int) -> None:
        self._watcher.sent(octets, size)

    def session_ended(self, transcript: Transcript) -> None:
        with self._telling:
            self._watcher.session_ended(transcript)

    def ended(self, attempt: Attempt) -> None:
        self.journal.ended(attempt)

    def committing(self, attempts: Sequence[Attempt]) -> None:
        self.journal.committing(attempts)

    def cancel(self) -> None:
        """Ask the run to stop. Takes no lock: it is called from signal handlers."""
        self._is_cancelled = True

    def is_cancelled(self) -> bool:
        return self._is_cancelled


class HostContext(LocalContext):
    """The same for an app that is derived from this host's BaseConnector, as it would be from the platform's."""

    def __init__(self, connector: BaseConnector, asset: Asset) -> None:
        action = load().action(connector.get_action_identifier())
        heading = Heading(action.name, "", connector.get_given_asset_id(), connector.get_container_id())
        super().__init__(asset, heading, Home(), _Shown(connector))
        self._connector = connector

    def is_cancelled(self) -> bool:
        return super().is_cancelled() or self._connector.is_action_cancelled()


class _Shown:
    """Whoever the connector shows its run to."""

    def __init__(self, connector: BaseConnector) -> None:
        self._connector = connector

    def progress(self, text: str) -> None:
        self._connector.save_progress(double_braces(text))

    def sent(self, octets: int, size: int) -> None:
        self._connector.show_sent(octets, size)

    def session_ended(self, transcript: Transcript) -> None:
        """The platform has nowhere to show it."""

    def finished(self, success: bool, message: str) -> None:
        """The connector shows its results itself."""


class ContainerVault:
    """The vault as seen from one container: its own files first, then everybody's."""

    def __init__(self, home: Home, container_id: str) -> None:
        self._home = home
        self._container_id = container_id

    def find(self, vault_id: str) -> VaultFile:
        """Raises `contract.VaultError`."""
        return self._home.vault.find(vault_id, self._container_id)

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """Raises `contract.VaultError`."""
        return self._home.vault.add_new(name, chunks, self._container_id).vault_id
