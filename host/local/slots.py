"""The connections of this machine: all processes that use a data folder share an account's `max_connections`.

A connection's place is the lock on a file, so whatever ends a process gives its places back.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from delivery.asset import Asset
from delivery.pool import Slot
from host.local import locks
from host.local.files import StoreError, private_folder, reason

FOLDER = "slots"


class MachineSlots:
    """`delivery.pool.Slots` by files of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def take(self, asset: Asset) -> Slot | None:
        """A place, None while others have them all. Raises `StoreError`."""
        account = json.dumps([asset.server, asset.port, asset.username]).encode()
        name = hashlib.sha256(account).hexdigest()[:32]
        for number in range(1, asset.max_connections + 1):
            path = private_folder(self._folder) / f"{name}-{number}.lock"
            try:
                lock = locks.take(path)
            except OSError as error:
                raise StoreError(f"{path} can't be locked: {reason(error)}.") from error
            if lock is not None:
                return lock
        return None
