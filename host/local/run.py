"""One action run on this machine: from what somebody asked for to its result, recorded."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, Protocol

from actions.contract import Report, VaultFile
from auth.settings import MakeRedirect, State
from delivery.asset import Asset
from delivery.attempt import Attempt, Outgoing
from delivery.pace import Pace
from delivery.pool import Pool, Slots
from host.action_run import ActionRun
from host.local import references
from host.local.home import FileState, Home
from host.local.inputs import GivenAsset, InputError
from host.local.ledger import Heading, Ledger
from host.local.limits import DatabasePace
from host.local.locks import MachineSlots
from host.local.results import Document, document
from host.manifest.model import Action, Manifest
from host.manifest.validation import InvalidInput, parse_asset, unknown_fields, unnamed_asset_id
from host.run_context import Journal
from smtp.errors import MailError
from smtp.transcript import Transcript


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
        if journal is None:
            journal = ledger = Ledger(home, heading, asset, self.progress, self.is_cancelled)
            pace = DatabasePace(home.folder, is_urgent=True, run=ledger)
        assert pace is not None  # noqa: S101 - who keeps the journal keeps the pace
        self.journal: Recorder = journal
        self.committing = journal.committing
        self.ended = journal.ended
        self.pace: Pace = pace
        self.vault = ContainerVault(home, heading.container_id)
        self.state: State = FileState(home.folder, asset.login.id)
        self._watcher = watcher
        self._is_cancelled = False
        self._telling = threading.Lock()

    def progress(self, text: str) -> None:
        with self._telling:  # several sessions tell at once
            self._watcher.progress(text)

    def sent(self, octets: int, size: int) -> None:
        self._watcher.sent(octets, size)

    def session_ended(self, transcript: Transcript) -> None:
        with self._telling:
            self._watcher.session_ended(transcript)

    def cancel(self) -> None:
        """Ask the run to stop. Takes no lock: it is called from signal handlers."""
        self._is_cancelled = True

    def is_cancelled(self) -> bool:
        return self._is_cancelled


class ContainerVault(NamedTuple):
    """The vault as seen from one container: its own files first, then everybody's."""

    home: Home
    container_id: str

    def find(self, vault_id: str) -> VaultFile:
        """Raises `contract.VaultError`."""
        return self.home.vault.find(vault_id, self.container_id)

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """Raises `contract.VaultError`."""
        return self.home.vault.add_new(name, chunks, self.container_id).vault_id


_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def first_signal(handle: Callable[[int], None]) -> Iterator[None]:
    """Within this the first SIGTERM or SIGINT is handed to `handle`; a second one does what it did before.

    Signals are the main thread's, and so is their handling: in any other this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in _STOP}

    def take(number: int, _frame: object) -> None:
        for one, handler in before.items():
            signal.signal(one, handler)
        handle(number)

    for number in before:
        signal.signal(number, take)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Request(NamedTuple):
    """What is to be run; the asset's fields were checked.

    `asset_called` is what an error calls it; `asset_name` and `asset_id` are "" for one that is not stored.
    """

    action: Action
    asset: Asset
    asset_called: str
    asset_name: str
    asset_id: str
    parameters: Sequence[Mapping[str, Any]]
    container_id: str = ""
    warnings: Sequence[str] = ()


def make_request(
    action: Action,
    given: GivenAsset,
    parameters: Sequence[Mapping[str, Any]],
    container_id: str,
    manifest: Manifest,
) -> Request:
    """Raises `InputError` for what can't be used, in the asset or as a parameter set: nothing has begun then."""
    asset = read_asset(given, manifest)
    try:
        json.dumps(parameters, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"The parameters can't be written as JSON: {error}.") from error
    any_reference = [name for name in manifest.secrets if isinstance(given.config.get(name), Mapping)]
    warnings: list[str] = []
    if given.config.keys() - manifest.configuration.keys():
        warnings += unknown_fields(given.config, manifest)
    if given.source is not None or any_reference:
        warnings += references.seen_by_others(given.config, given.source, manifest)
    return Request(action, asset, given.called, given.name, given.id, parameters, container_id, warnings)


def read_asset(given: GivenAsset, manifest: Manifest, *, looks: bool = True) -> Asset:
    """The asset of these fields, with its secrets read; without `looks` those that lie elsewhere are not looked at.

    Raises `InputError` with everything that is wrong with them.
    """
    config = given.config
    try:
        if [name for name in manifest.secrets if isinstance(config.get(name), Mapping)]:
            config = references.resolved(config, manifest) if looks else references.unread(config, manifest)
        return parse_asset(config, given.id or unnamed_asset_id(config), manifest)
    except InvalidInput as error:
        raise InputError(f"The asset {given.called} is not right: {error}.") from error


class LocalRun:
    """A request that is being run. `pool` lends the sessions; a browser that signs in is sent to `redirect`.

    Raises `InputError` for an asset that can't be used.
    """

    def __init__(
        self,
        request: Request,
        home: Home,
        watcher: Watcher,
        pool: Pool,
        redirect: MakeRedirect | None = None,
    ) -> None:
        self._request = request
        self._watcher = watcher
        heading = Heading(request.action.name, request.asset_name, request.asset_id, request.container_id)
        self._context = LocalContext(request.asset, heading, home, watcher, redirect)
        try:
            self._action_run = ActionRun(request.action, self._context, pool)
        except MailError as error:
            reason = f"{error.text} {error.hint}".strip()
            raise InputError(f"The asset {request.asset_called} is not right: {reason}") from error
        self.has_begun = False
        """From then on mail may have been sent."""

    @property
    def may_have_sent(self) -> bool:
        """Whether a message came to the point of no return."""
        return self._action_run.has_committed

    @property
    def is_cancelled(self) -> bool:
        return self._context.is_cancelled()

    @property
    def number(self) -> int:
        """What the run is recorded as; 0 before it is."""
        return self._context.journal.number

    def wait_for_number(self, seconds: float) -> bool:
        """Wait until the run is recorded, from another thread than the one that performs it."""
        return self._context.journal.has_begun.wait(seconds)

    def cancel(self) -> None:
        """Ask it to stop as soon as that can be done with the truth about what was sent."""
        self._context.cancel()

    def prepare(self, parameters: Mapping[str, Any]) -> Outgoing:
        """Check one parameter set and return what would be sent: nothing is connected, nothing recorded.

        Raises `MailError`.
        """
        return self._action_run.prepare(parameters)

    def preview(self, parameters: Mapping[str, Any]) -> Report:
        """What `preview email` says of what one parameter set would send. Raises nothing."""
        return self._action_run.preview(parameters)

    @property
    def can_prepare(self) -> bool:
        """Whether the action sends one mail for each parameter set, so that it can be looked at before."""
        return self._action_run.prepares

    def perform(self) -> Document:
        """Run it, recorded as it happens. The result is SOAR's: status, message, result_data, result_summary.

        The first signal that asks the process to stop ends the run with the truth about what was sent. Raises
        `StoreError` if it can't be recorded: nothing was sent then.
        """
        for warning in self._request.warnings:
            self._watcher.progress(warning)
        results: list[Document] = []
        message = ""
        given = self._request.parameters
        self.has_begun = True
        try:
            # Both are closed, so that the run is written down as ended also when it is interrupted.
            with (
                first_signal(self._stop),
                closing(self._action_run),
                closing(self._action_run.every(given)) as reports,
            ):
                for parameters, report in zip(given, reports, strict=True):
                    results.append(
                        {
                            "data": list(report.data),
                            "status": "success" if report.success else "failed",
                            "message": report.message,
                            "parameter": dict(parameters),
                            "summary": dict(report.summary),
                        }
                    )
                    self._watcher.finished(report.success, report.message)
        except KeyboardInterrupt:
            message = "The run was interrupted."
        return document(self._request.action.identifier, results, not message, message)

    def _stop(self, _signal: int) -> None:
        self.cancel()
