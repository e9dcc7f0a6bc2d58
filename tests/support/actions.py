"""Actions made up for tests of what surrounds them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from actions.contract import Asset, Context, Report, VaultError, VaultFile
from host.lifetime import Lifetime

Run = Callable[[Mapping[str, Any], Context], Report]


class AsGiven:
    """Parameters that are the validated values themselves."""

    @staticmethod
    def parse(values: Mapping[str, Any]) -> Mapping[str, Any]:
        return values


def install(monkeypatch: pytest.MonkeyPatch, identifier: str, run: Run, parameters: type = AsGiven) -> None:
    """Let `actions.<identifier>` be a module with this `run`."""
    name = f"actions.{identifier}"
    module = ModuleType(name)
    vars(module).update(Parameters=parameters, run=run)
    monkeypatch.setitem(sys.modules, name, module)


class EmptyVault:
    def find(self, vault_id: str) -> VaultFile:
        raise VaultError(f"{vault_id}: the vault has no such file")


@dataclass
class FakeContext(Lifetime):
    """A context whose progress texts are kept."""

    texts: list[str] = field(default_factory=list)
    asset: Asset = Asset(id="1", server="h", port=25, ssl_config="None")  # noqa: RUF009 - it is frozen
    container_id: str = ""
    vault: Any = field(default_factory=EmptyVault)
    state: Any = None

    def __post_init__(self) -> None:
        super().__init__()

    def progress(self, text: str) -> None:
        self.texts.append(text)
