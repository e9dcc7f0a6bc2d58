"""What is remembered for an asset between runs (tokens): one encrypted file each, replaced in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.local import cipher
from host.local.files import StoreError, private_folder, reason, replace

LOCK_TIMEOUT = 120.0
"""Seconds to wait for another run: longer than any one token request is allowed to take."""


class FileState:
    """The `State` of one asset in a data folder. Every method raises `StoreError`."""

    def __init__(self, folder: Path, asset_id: str, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self._home = folder
        self._folder = folder / cipher.STATE_FOLDER
        # Hashed: whatever an id looks like, it can't name a file anywhere else.
        self._name = hashlib.sha256(asset_id.encode(errors="surrogatepass")).hexdigest()[:32]
        self._asset_id = asset_id
        self._lock_timeout = lock_timeout

    def load(self) -> dict[str, Any]:
        try:
            token = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self._path} can't be read: {reason(error)}.") from error
        return cipher.decrypt(
            self._home, token, f"What is remembered for the asset {self._asset_id} ({self._path})"
        )

    def save(self, state: Mapping[str, Any]) -> None:
        cipher.ensure_key(self._home)
        replace(self._path, cipher.encrypt(self._home, state))

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

        cipher.ensure_key(self._home)
        private_folder(self._folder)
        # One lock object for the path in this process, with a counter for each thread: this is what makes it
        # possible to take it again.
        lock = FileLock(self._folder / f"{self._name}.lock", mode=0o600, is_singleton=True)
        try:
            lock.acquire(timeout=self._lock_timeout)
        except Timeout as error:
            raise StoreError(
                f"Another run has been using what is remembered for the asset {self._asset_id} for more than "
                f"{self._lock_timeout:g} s. Try again when it has ended."
            ) from error
        except OSError as error:
            raise StoreError(f"{self._folder} can't be locked: {reason(error)}.") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._name}.state"
