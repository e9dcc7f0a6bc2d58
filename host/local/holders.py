"""Who holds a run: its process, by a lock on a file. When the process is gone, whatever ended it, so is the lock.

A run whose process is gone is settled by whoever notices: what was committed is unknown, since nobody can know
whether its octets left, and the rest was not sent.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from host.local import locks
from host.local.files import StoreError, private_folder, reason, timestamp
from host.local.locks import Lock
from host.local.sqlite import transaction

FOLDER = "holders"


def hold(folder: Path) -> Lock:
    """A new lock of this process; its file's name is what a run calls its holder. Raises `StoreError`."""
    path = private_folder(folder / FOLDER) / os.urandom(8).hex()
    try:
        lock = locks.take(path)
    except OSError as error:
        raise StoreError(f"{path} can't be made: {reason(error)}.") from error
    assert lock is not None  # noqa: S101 - nobody else knows the name
    return lock


def is_alive(folder: Path, holder: str) -> bool:
    """Whether the process that holds a run of this data folder still lives. Raises `StoreError`."""
    path = folder / FOLDER / holder
    try:
        lock = locks.take_if_there(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path} can't be looked at: {reason(error)}.") from error
    if lock is None:
        return True
    lock.free(remove=True)
    return False


def settle_abandoned(connection: sqlite3.Connection, folder: Path) -> None:
    """Settle every run whose process is gone. Raises `StoreError`, `sqlite3.Error`."""
    running = connection.execute("SELECT id, holder FROM run WHERE state = 'running'").fetchall()
    for number, holder in running:
        if not is_alive(folder, holder):
            with transaction(connection):
                settle(connection, number)


def settle(connection: sqlite3.Connection, number: int) -> None:
    """Settle a run whose process is gone, in the connection's transaction. One that has ended stays as it is."""
    now = timestamp()
    cut_off = connection.execute(
        "UPDATE run SET state = 'cut off', status = 'failed', end_time = ?, kept_since = ?"
        " WHERE id = ? AND state = 'running'",
        (now, now, number),
    )
    if cut_off.rowcount:
        settle_mails(connection, number, now)


def settle_mails(connection: sqlite3.Connection, number: int, now: str) -> None:
    """Nothing more will be heard of this run's mails: say what that makes of each that has no result."""
    for before, after in (("committed", "unknown"), ("claimed", "not sent")):
        connection.execute(
            "UPDATE mail SET state = ?, finished_at = ? WHERE run_id = ? AND state = ?",
            (after, now, number, before),
        )
