"""The data folder of the embedded host: assets, vault, recorded runs, and each asset's state."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from host.local.cipher import DATABASE

if TYPE_CHECKING:
    from host.local.assets import Assets
    from host.local.runs import Runs
    from host.local.state import FileState
    from host.local.store import Store
    from host.local.vault import Vault

HOME_VARIABLE = "SMTP_CONNECTOR_HOME"
APPLICATION = "smtp-connector"


class Home:
    """One data folder; None means `SMTP_CONNECTOR_HOME`, else the platform's user data folder.

    Nothing is read, made or imported (SQLAlchemy is large) before it is needed. Everything raises
    `StoreError` when the folder can't be used.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or _default_folder()).absolute()

    @property
    def exists(self) -> bool:
        """Whether anything has been stored."""
        return (self.folder / DATABASE).exists()

    @cached_property
    def assets(self) -> Assets:
        from host.local.assets import Assets

        return Assets(self.folder, self._store)

    @cached_property
    def vault(self) -> Vault:
        from host.local.vault import Vault

        return Vault(self.folder, self._store)

    @cached_property
    def runs(self) -> Runs:
        from host.local.runs import Runs

        return Runs(self.folder, self._store)

    def state(self, asset_id: str) -> FileState:
        from host.local.state import FileState

        return FileState(self.folder, asset_id)

    @cached_property
    def _store(self) -> Store:
        from host.local.store import Store

        return Store(self.folder)


def _default_folder() -> Path:
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path(APPLICATION, appauthor=False)
