"""What an action sees of the real platform: `contract.Context` over the `phantom` package.

Only `host.switch` imports this, where that package exists. `phantom.rules` may not be called while a module is
being imported, so it is loaded where it is used.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from actions.contract import VaultError, VaultFile
from auth.settings import MakeRedirect
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pace import Pace, RunPace
from host.braces import double_braces
from host.soar.journal import PlatformJournal
from host.soar.state import PhantomState
from smtp.transcript import Transcript

# A mail with this container is one of the platform's own reports.
REPORTS = "0"
# The SHA-1 of the content. Asked for anything else, "" for example, the vault could answer with some other file.
_VAULT_ID = re.compile(r"[0-9A-Fa-f]{40}")


class HostContext:
    """One action run on the platform. `connector` is the platform's BaseConnector."""

    slots = None
    """Processes of the platform know nothing of each other's connections."""

    def __init__(self, connector: Any, asset: Asset) -> None:
        self._connector = connector
        self._is_cancelled = False
        self._telling = threading.Lock()
        login = asset.login._replace(ca_bundle=asset.ca_bundle or _ca_bundle(connector))
        self.asset = asset._replace(login=login)
        container = connector.get_container_id()
        self.container_id = "" if container is None else str(container)

    @cached_property
    def pace(self) -> Pace | None:
        if self.asset.recipients_per_day:
            from host.soar.pace import StatePace  # few accounts have such a limit

            return StatePace(self.state)
        return RunPace() if self.asset.messages_per_minute else None

    @cached_property
    def vault(self) -> PhantomVault:
        return PhantomVault(self.container_id, Path(_home(self._connector)) / "vault" / "reports")

    @cached_property
    def state(self) -> PhantomState:
        return PhantomState(self._connector, self.asset.id)

    @cached_property
    def journal(self) -> PlatformJournal:
        action = str(self._connector.get_action_identifier())
        return PlatformJournal(self.state, action, self.asset, self.progress)

    @property
    def redirect(self) -> MakeRedirect:
        """A browser reaches the platform's web server, not this process."""
        from host.soar.redirect import PlatformRedirect  # nobody else pays for it

        return partial(PlatformRedirect, self._connector, self.asset.id)

    def progress(self, text: str) -> None:
        with self._telling:  # several sessions tell at once, and the platform's class is not made for that
            self._connector.save_progress(double_braces(text))

    def sent(self, octets: int, size: int) -> None:
        """Nothing: the platform has nowhere to show it."""

    def session_ended(self, transcript: Transcript) -> None:
        """Nothing: the platform has nowhere to show it."""

    def ended(self, attempt: Attempt) -> None:
        """Nothing: it is told soon enough."""

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Nothing: what the platform keeps of a run it keeps when the run has ended."""

    def cancel(self) -> None:
        """Ask the run to stop; called from signal handlers."""
        self._is_cancelled = True

    def is_cancelled(self) -> bool:
        if self._is_cancelled:
            return True
        # Splunk's published mock has the method, but not the field that it reads.
        with suppress(AttributeError):
            return bool(self._connector.is_action_cancelled())
        return False


class Host:
    """The platform, for as long as the process lives: its runs share nothing but the sessions."""

    def context(self, connector: Any, asset: Asset) -> HostContext:
        """That of a run of this connector."""
        return HostContext(connector, asset)


class PhantomVault:
    """The platform's vault, the run's container first; for container "0" its folder of reports."""

    def __init__(self, container_id: str, reports: Path) -> None:
        self._container_id = container_id
        self._reports = reports

    def find(self, vault_id: str) -> VaultFile:
        """Raises `VaultError`."""
        if self._container_id == REPORTS and vault_id.lower().endswith(".pdf"):
            return self._report(vault_id)
        if not _VAULT_ID.fullmatch(vault_id):
            raise VaultError(f"{vault_id!r:.80} is not a vault id: it has 40 hexadecimal digits")
        reason = "the vault has no such file"
        records = list(self._records(vault_id))
        # The platform lists the container's first, and there the latest first.
        names = [str(record.get("name") or "") for record in reversed(records)]
        for record in records:
            try:
                path = Path(str(record["path"])).resolve(strict=True)
                file = _vault_file(vault_id.lower(), str(record.get("name") or path.name), path)
                return file._replace(names=tuple(dict.fromkeys(filter(None, names))))
            except (OSError, KeyError) as error:
                reason = f"its file can't be read ({type(error).__name__})"
        raise VaultError(f"{vault_id!r:.80}: {reason}")

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        """Raises `VaultError`, also outside a container: the platform's vault has no place for a file there."""
        if not self._container_id.isdigit() or self._container_id == REPORTS:
            raise VaultError(f"{name!r:.80} belongs to no container, so the vault can't take it")
        rules, vault = import_module("phantom.rules"), import_module("phantom.vault")
        try:
            with NamedTemporaryFile(dir=vault.Vault.get_vault_tmp_dir(), delete=False) as file:
                for chunk in chunks:
                    file.write(chunk)
            ok, message, vault_id = rules.vault_add(int(self._container_id), file.name, name)
        except OSError as error:
            raise VaultError(
                f"{name!r:.80}: the vault can't take it ({error.strerror or type(error).__name__})"
            ) from error
        if not ok:
            raise VaultError(f"{name!r:.80}: the vault can't take it ({message!r:.200})")
        return str(vault_id)

    def _records(self, vault_id: str) -> Iterable[dict[str, Any]]:
        rules = import_module("phantom.rules")
        wheres: list[dict[str, str]] = [{"container_id": self._container_id}] if self._container_id else []
        for where in [*wheres, {}]:
            try:
                ok, _message, records = rules.vault_info(vault_id=vault_id, **where)
                found = list(records or ()) if ok else []
            except Exception as error:  # whatever the platform raises
                reason = f"the vault can't be asked ({type(error).__name__})"
                raise VaultError(f"{vault_id!r:.80}: {reason}") from error
            yield from found

    def _report(self, name: str) -> VaultFile:
        try:
            path = (self._reports / name).resolve(strict=True)
            if path.parent != self._reports.resolve():
                raise VaultError(f"{name!r:.80}: reports are found by their file name alone")
            return _vault_file(name, _report_name(path.name), path)
        except (OSError, ValueError) as error:
            raise VaultError(f"{name!r:.80}: there is no such report") from error


def _report_name(name: str) -> str:
    """The platform calls its reports type__id-7__ts-2026-11-20.pdf; the number means nothing to whoever gets one."""
    pieces = name.split("__")
    return f"{pieces[0]}_{pieces[2]}" if len(pieces) == 3 else name


def _vault_file(vault_id: str, name: str, path: Path) -> VaultFile:
    if not path.is_file():
        raise FileNotFoundError(path)
    return VaultFile(vault_id, name, path.stat().st_size, path)


def _home(connector: Any) -> str:
    home = connector.get_phantom_home() if hasattr(connector, "get_phantom_home") else None
    return home if isinstance(home, str) and home else "/opt/phantom"


def _ca_bundle(connector: Any) -> str:
    """The authorities that the platform trusts, "" where it names none: then the system's are."""
    named = None
    # Not every version has it, and Splunk's mock of the platform refuses to answer.
    with suppress(AttributeError, NotImplementedError):
        named = connector.get_ca_bundle()
    for path in (named, f"{_home(connector)}/etc/cacerts.pem"):
        if isinstance(path, str) and path and Path(path).is_file():
            return path
    return ""
