"""The data folder: where it is, what lies in it, and what is remembered for each asset between runs."""

from __future__ import annotations

import atexit
import hashlib
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from host.local import files
from host.local.files import DATABASE, Cipher, StoreError, expanded, private_folder, reason, replace

if TYPE_CHECKING:
    from host.local.assets import Assets
    from host.local.runs import Runs
    from host.local.sql import LastingConnection
    from host.local.store import Store
    from host.local.vault import Vault

HOME_VARIABLE = "SMTP_CONNECTOR_HOME"
APPLICATION = "smtp-connector"
LOCK_TIMEOUT = 120.0
"""Seconds to wait for another run: longer than any one token request is allowed to take."""
IDLE_SECONDS = 1.0
"""For so long a database that no run uses stays open for the next one."""
_SETTINGS = (files.DATABASE_VARIABLE, files.KEY_VARIABLE, files.CREDENTIALS)
"""The variables of the environment that say which database and which key are the folder's."""


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


class OpenDatabase(NamedTuple):
    """A connection to a data folder's database, and its key, for one run at a time."""

    connection: LastingConnection
    cipher: Cipher
    settings: tuple[str | None, ...]
    """What `_SETTINGS` were when it was opened."""
    idle_since: float = 0.0
    """Of `time.monotonic`."""


class OpenDatabases:
    """The connections to a data folder's database that no run uses just now. For several threads.

    The next run finds them open, if nothing has changed under them: it would take it longer to open the database, and
    to close it, than to send a mail. They are closed when nobody needs them for `IDLE_SECONDS`, and when the process
    ends. A forked child leaves them to its parent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pruned = -math.inf
        """When it was last looked for runs that are kept no longer, of `time.monotonic`."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._idle: list[OpenDatabase] = []
        """Those that were given back last are last."""
        self._of_parent: list[OpenDatabase] = []
        """Kept, since whatever nobody keeps is closed."""
        self._closing: threading.Thread | None = None

    def take(self) -> OpenDatabase:
        """One for a run alone, with the database made or brought up to date if need be. Raises `StoreError`."""
        settings = tuple(map(os.environ.get, _SETTINGS))
        if self._process != os.getpid():
            self._begin_anew()
        while self._idle:
            with self._changed:
                if not self._idle:  # another thread was quicker
                    break
                idle = self._idle.pop()
            if idle.settings == settings and idle.cipher.is_as_it_was() and idle.connection.is_as_it_was():
                return idle
            idle.connection.close()
        from host.local import database

        cipher = Cipher(self._folder)
        return OpenDatabase(database.connect(self._folder, cipher), cipher, settings)

    def give_back(self, used: OpenDatabase) -> None:
        """Keep it for the next run."""
        with self._changed:
            self._idle.append(used._replace(idle_since=time.monotonic()))
            if self._closing is None:
                atexit.register(self.close)
                self._closing = threading.Thread(
                    target=self._close_what_lies_idle, name="idle databases", daemon=True
                )
                self._closing.start()

    def close(self) -> None:
        """Close those that lie idle."""
        if self._process == os.getpid():
            with self._changed:
                idle, self._idle = self._idle, []
                self._changed.notify_all()
            for one in idle:
                one.connection.close()

    def _close_what_lies_idle(self) -> None:
        """Until there is none any more."""
        while True:
            with self._changed:
                if not self._idle:
                    self._closing = None
                    atexit.unregister(self.close)
                    return
                left = self._idle[0].idle_since + IDLE_SECONDS - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                oldest = self._idle.pop(0)
            oldest.connection.close()

    def _begin_anew(self) -> None:
        """In a child: what its parent has open it neither uses nor closes."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._of_parent += self._idle
        self._idle = []
        self._closing = None


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
        self.databases = OpenDatabases(self.folder)

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
        return FileState(self.folder, asset_id)

    @cached_property
    def _store(self) -> Store:
        from host.local.store import Store

        return Store(self.folder)


class Homes:
    """The data folders that a process has used, so that what is open in one is open for the next run too."""

    def __init__(self) -> None:
        self._by_folder: dict[str, Home] = {}

    def current(self) -> Home:
        """The one that `SMTP_CONNECTOR_HOME` names, or the default. Raises `StoreError`."""
        known = self._by_folder.get(os.environ.get(HOME_VARIABLE, ""))
        if known is not None:
            return known
        home = Home()  # what is not the whole path depends on more than its name
        return self._by_folder.setdefault(str(home.folder), home)


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
