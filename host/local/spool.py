"""Runs that version 1 recorded as files, taken into the database.

Insert, commit, and only then is the file deleted. After a crash anywhere in between it is a file, both, or in the
database; its name, unique in the database, makes "both" count once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from host.local import files
from host.local.files import Cipher, StoreError, private_folder, reason, replace
from host.local.sql import faults_named, opened, transaction
from host.local.version1 import RecordedRun, insert

FOLDER = "spool"
DAMAGED = "damaged"


def take_in(folder: Path, tell: Callable[[str], None]) -> None:
    """Move the spool of a data folder into its database; `tell` what can't be read. Raises `StoreError`."""
    paths = _waiting(folder / FOLDER)
    if not paths:
        return
    secret = Cipher(folder)
    database = folder / files.DATABASE
    with faults_named(database), closing(opened(database)) as connection:
        for path in paths:
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # another process was quicker
            except OSError as error:
                raise StoreError(f"The recorded run {path} can't be read: {reason(error)}.") from error
            try:
                _insert(connection, path.stem, data, secret)
            except (ValueError, TypeError, KeyError, AttributeError):
                tell(_keep_aside(path, data, secret))
            path.unlink(missing_ok=True)
    with suppress(OSError):  # there may be more by now, or damaged ones
        (folder / FOLDER).rmdir()


def _insert(connection: sqlite3.Connection, record_id: str, data: bytes, secret: Cipher) -> None:
    run = RecordedRun.of_file(data)
    with transaction(connection):
        known = connection.execute("SELECT 1 FROM run WHERE record_id = ?", (record_id,)).fetchone()
        if known is None:
            insert(connection.execute, None, record_id, run, secret)


def _waiting(folder: Path) -> list[Path]:
    """The files that hold a run each, the oldest first."""
    try:
        return sorted(folder.glob("*.json"))
    except OSError as error:
        raise StoreError(f"The recorded runs in {folder} can't be read: {reason(error)}.") from error


def _keep_aside(path: Path, data: bytes, secret: Cipher) -> str:
    """Encrypted as every record is: half of one may hold a whole body. Returns what is to be told."""
    aside = private_folder(path.parent / DAMAGED) / path.name
    replace(aside, secret.encrypt_octets(data))
    return f"The recorded run {path.name} is damaged and can't be listed; it is kept, encrypted, as {aside}."
