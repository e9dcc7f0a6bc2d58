"""The data folder: where it is, what lies in it, and what is remembered for each asset between runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from host.local import files
from host.local.database import connect
from host.local.files import DATABASE, StoreError, expanded, private_folder, reason, replace
from host.local.sql import OpenDatabases

if TYPE_CHECKING:
    from host.local.assets import Assets
    from host.local.recorded_runs import Runs
    from host.local.store import Store
    from host.local.vault import Vault

HOME_VARIABLE = "SMTP_CONNECTOR_HOME"
APPLICATION = "smtp-connector"
LOCK_TIMEOUT = 120.0
"""Seconds to wait for another run: longer than any one token request is allowed to take."""


class FileState(NamedTuple):
    """The `State` of one asset in the data folder `home`. Every method raises `StoreError`."""

    home: Path
    asset_id: str
    lock_timeout: float = LOCK_TIMEOUT

    def load(self) -> dict[str, Any]:
        try:
            token = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self._path} can't be read: {reason(error)}.") from error
        return files.decrypt(
            self.home, token, f"What is remembered for the asset {self.asset_id} ({self._path})"
        )

    def save(self, state: Mapping[str, Any]) -> None:
        files.ensure_key(self.home)
        replace(self._path, files.encrypt(self.home, state))

    def remove(self) -> None:
        """Forget everything. For an asset that is removed."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._path} can't be removed: {reason(error)}.") from error

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Between processes and threads; a thread that has the lock may take it again."""
        from filelock import FileLock, Timeout

        files.ensure_key(self.home)
        path = self._path.with_suffix(".lock")
        private_folder(path.parent)
        # One lock object for the path in this process, with a counter for each thread: this is what makes it
        # possible to take it again.
        lock = FileLock(path, mode=0o600, is_singleton=True)
        try:
            lock.acquire(timeout=self.lock_timeout)
        except Timeout as error:
            raise StoreError(
                f"Another run has been using what is remembered for the asset {self.asset_id} for more than "
                f"{self.lock_timeout:g} s. Try again when it has ended."
            ) from error
        except OSError as error:
            raise StoreError(f"{path.parent} can't be locked: {reason(error)}.") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def _path(self) -> Path:
        # Hashed: whatever an id looks like, it can't name a file anywhere else.
        name = hashlib.sha256(self.asset_id.encode(errors="surrogatepass")).hexdigest()[:32]
        return self.home / files.STATE_FOLDER / f"{name}.state"


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
        self.databases = OpenDatabases(self.folder, connect)

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
        from host.local.recorded_runs import Runs

        return Runs(self.folder, self._store)

    def state(self, asset_id: str) -> FileState:
        return FileState(self.folder, asset_id)

    @cached_property
    def _store(self) -> Store:
        from host.local.store import Store

        return Store(self.folder)


class Homes(dict[str, Home]):
    """The data folders that a process has used, by what `SMTP_CONNECTOR_HOME` was ("": the default).

    So what is open in one is open for the next run too.
    """

    def __missing__(self, name: str) -> Home:
        """The one that is named now. Raises `StoreError`."""
        home = Home()
        # By its whole path: where any other leads depends on more than its name.
        return self.setdefault(str(home.folder), home)


def _default_folder() -> Path:
    """Raises `StoreError` where nobody can say which folder it is."""
    named = os.environ.get(HOME_VARIABLE)
    if named:
        if not named.startswith("~"):
            return Path(named)
        folder = expanded(named)
        if not folder.is_absolute():
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
