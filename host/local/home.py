"""The data folder of the embedded host: assets, vault, recorded runs, and each asset's state."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from host.local.cipher import DATABASE
from host.local.files import StoreError, expanded, reason

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
        folder = folder or _default_folder()
        try:
            self.folder = folder.absolute()
        except OSError as error:
            raise StoreError(f"The current folder is gone, so {folder} can't be found.") from error

    @property
    def exists(self) -> bool:
        """Whether anything has been stored."""
        try:
            return (self.folder / DATABASE).exists()
        except OSError as error:
            raise StoreError(f"The data folder {self.folder} can't be read: {reason(error)}.") from error

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
    """Raises `StoreError` where nobody can say which folder it is."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        folder = expanded(named)
        if named.startswith("~") and not folder.is_absolute():
            raise StoreError(f"{HOME_VARIABLE} is {named!r:.200}, and that user has no home folder.")
        return folder
    from platformdirs import user_data_path

    try:
        folder = user_data_path(APPLICATION, appauthor=False)
    except RuntimeError:
        folder = Path()  # as older versions of the library answer
    if not folder.is_absolute():
        raise StoreError(f"This user has no home folder: name the data folder with {HOME_VARIABLE}.")
    return folder
