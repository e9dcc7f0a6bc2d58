"""An asset's state on the real platform: encrypted in the platform's own state file."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from actions.contract import HostError

# Longer than a token request may take, so that only a lock that nobody will ever give back is given up.
LOCK_TIMEOUT = 300.0
_RETRY_AFTER = 0.05
_KEY = "encrypted_state"


class PhantomState:
    """`contract.State`. The platform keeps the file in clear, so what is in it is encrypted here."""

    def __init__(self, connector: Any, asset_id: str, folder: Path | None = None) -> None:
        self._connector = connector
        self._asset_id = asset_id
        # Hashed: whatever an id looks like, it can't name a file anywhere else.
        name = hashlib.sha256(asset_id.encode()).hexdigest()[:32]
        self._lock_file = (folder or Path(__file__).resolve().parents[2]) / f"{name}.lock"
        self._threads = threading.RLock()
        self._held: IO[str] | None = None

    def load(self) -> dict[str, Any]:
        """What was saved last; empty when there is nothing, or nothing that can be decrypted any more."""
        cipher = self._stored().get(_KEY)
        if not isinstance(cipher, str) or not cipher:
            return {}
        try:
            state = json.loads(import_module("encryption_helper").decrypt(cipher, self._asset_id))
        except Exception as error:  # noqa: BLE001 - the platform's helper raises what it likes
            self._connector.save_progress(
                f"What was remembered for this asset can't be decrypted ({type(error).__name__}), "
                "so a sign-in may be needed again."
            )
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace it; what else the platform keeps in its file stays."""
        cipher = import_module("encryption_helper").encrypt(json.dumps(dict(state)), self._asset_id)
        self._connector.save_state({**self._stored(), _KEY: cipher})

    @contextmanager
    def lock(self, seconds: float | None = None) -> Iterator[None]:
        """Exclude other processes and threads; the thread that holds it may take it again.

        It is waited for so long at most, by default as long as a token request may take. Raises `HostError`.
        """
        with self._threads:
            if self._held is not None:
                yield
                return
            with self._opened() as file:
                self._wait_for(file, LOCK_TIMEOUT if seconds is None else seconds)
                self._held = file
                try:
                    yield
                finally:
                    self._held = None  # closing the file gives the lock back

    def _opened(self) -> IO[str]:
        """The lock's file. Whoever can open it can keep it locked, so it is the owner's alone, also an earlier one."""
        try:
            return open(self._lock_file, "a", encoding="ascii", opener=_privately)
        except OSError as error:
            raise HostError(f"{self._lock_file} can't be opened: {error.strerror}.") from error

    def _wait_for(self, file: IO[str], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HostError(f"Another run has held {self._lock_file} for too long.") from None
                pause.wait(_RETRY_AFTER)

    def _stored(self) -> dict[str, Any]:
        stored = self._connector.load_state()
        return stored if isinstance(stored, dict) else {}


def _privately(path: str, flags: int) -> int:
    """Open `path` for its owner alone."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
