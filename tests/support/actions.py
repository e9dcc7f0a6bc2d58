"""Actions made up for tests of what surrounds them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

import actions
from actions.contract import Context, Report, VaultError, VaultFile
from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt, Outgoing
from delivery.transport import Transport

Run = Callable[[Mapping[str, Any], Context, Transport], Report]
Prepare = Callable[[Mapping[str, Any], Context], Outgoing]


class AsGiven:
    """Parameters that are the validated values themselves."""

    @staticmethod
    def parse(values: Mapping[str, Any]) -> Mapping[str, Any]:
        return values


def install(
    monkeypatch: pytest.MonkeyPatch,
    identifier: str,
    run: Run | None = None,
    parameters: type = AsGiven,
    *,
    prepare: Prepare | None = None,
) -> None:
    """Let `actions.<identifier>` be a module with this `run` or `prepare`; also where the actions are installed."""
    name = f"{actions.__name__}.{identifier}"
    module = ModuleType(name)
    vars(module).update({"prepare": prepare} if prepare else {"run": run}, Parameters=parameters)
    monkeypatch.setitem(sys.modules, name, module)


class EmptyVault:
    def find(self, vault_id: str) -> VaultFile:
        raise VaultError(f"{vault_id}: the vault has no such file")

    def add(self, name: str, chunks: Iterable[bytes]) -> str:
        raise VaultError(f"{name}: nothing can be added to this vault")


class NoJournal:
    """Nothing is written down."""

    def begin(self, parameter_sets: Sequence[object]) -> None:
        """Nobody will ask."""

    def claim(self, position: int, key: str, content: bytes) -> Report | None:
        """Nobody has the key."""

    def prepared(self, position: int, outgoing: Outgoing) -> Outgoing:
        return outgoing

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Nobody will ask."""

    def finished(self, position: int, report: Report) -> None:
        """Nobody will ask."""

    def end(self) -> None:
        """Nobody will ask."""


@dataclass
class FakeContext:
    """A context whose progress texts are kept."""

    texts: list[str] = field(default_factory=list)
    asset: Asset = Asset(Login(id="1", server="h", port=25), ssl_config="None")  # noqa: RUF009 - it is frozen
    container_id: str = ""
    vault: Any = field(default_factory=EmptyVault)
    state: Any = None
    redirect: Any = None
    slots: Any = None
    pace: Any = None
    journal: Any = field(default_factory=NoJournal)
    committed: list[Attempt] = field(default_factory=list)
    cancelled: bool = False

    def progress(self, text: str) -> None:
        self.texts.append(text)

    def sent(self, octets: int, size: int) -> None:
        """Nobody looks."""

    def session_ended(self, transcript: object) -> None:
        """Nobody asks."""

    def ended(self, attempt: Attempt) -> None:
        """Nobody will ask."""

    def committing(self, attempts: Sequence[Attempt]) -> None:
        self.committed += attempts

    def cancel(self) -> None:
        self.cancelled = True

    def is_cancelled(self) -> bool:
        return self.cancelled
