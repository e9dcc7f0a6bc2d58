"""Who holds a run: its process, by a lock on a file. When the process is gone, whatever ended it, so is the lock.

A run whose process is gone is settled by whoever notices: what was committed is unknown, since nobody can know
whether its octets left, and the rest was not sent.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from host.local import locks, sql
from host.local.files import StoreError, private_folder, reason, timestamp
from host.local.sql import Connection
from host.local.sqlite import transaction

FOLDER = "holders"


class Held(Protocol):
    """A lock that lives no longer than its process. The name of its `path` is what a run calls its holder."""

    @property
    def path(self) -> Path: ...

    def free(self, *, remove: bool = False) -> None:
        """Give it back. Never raises."""


def hold(folder: Path) -> Held:
    """A new lock of this process. Raises `StoreError`."""
    if sql.is_server():
        from host.local import postgres

        held = postgres.take(f"holder-{os.urandom(8).hex()}")
        assert held is not None  # noqa: S101 - nobody else knows the name
        return held
    path = private_folder(folder / FOLDER) / os.urandom(8).hex()
    try:
        lock = locks.take(path)
    except OSError as error:
        raise StoreError(f"{path} can't be made: {reason(error)}.") from error
    assert lock is not None  # noqa: S101 - nobody else knows the name
    return lock


def is_alive(folder: Path, holder: str) -> bool:
    """Whether the process that holds a run of this data folder still lives. Raises `StoreError`."""
    if sql.is_server():
        from host.local import postgres

        gone = postgres.take(holder)
        if gone is not None:
            gone.free()
        return gone is None
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


def settle_abandoned(connection: Connection, folder: Path) -> None:
    """Settle every run whose process is gone. Raises `StoreError`, `sqlite3.Error`."""
    held = connection.execute(
        "SELECT id, holder, state FROM run WHERE state IN ('running', 'submitting') AND holder != ''"
    ).fetchall()
    for number, holder, state in held:
        if not is_alive(folder, holder):
            with transaction(connection):
                if state == "running":
                    settle(connection, number)
                else:
                    drop(connection, number)


def settle(connection: Connection, number: int) -> None:
    """Settle a run whose process is gone, in the connection's transaction. One that has ended stays as it is."""
    now = timestamp()
    cut_off = connection.execute(
        "UPDATE run SET state = 'cut off', status = 'failed', end_time = ?, kept_since = ?"
        " WHERE id = ? AND state = 'running'",
        (now, now, number),
    )
    if cut_off.rowcount:
        settle_mails(connection, number, now)


def settle_work(connection: Connection, holder: str) -> None:
    """Settle the mails of durable runs that a worker had which is gone, in the connection's transaction.

    What it had not committed waits for another worker. What it had is unknown, and nobody's work any more.
    """
    connection.execute(
        "UPDATE mail SET state = 'waiting' WHERE state = 'claimed'"
        " AND (run_id, position) IN (SELECT run_id, position FROM due WHERE holder = ?)",
        (holder,),
    )
    connection.execute(
        "UPDATE mail SET state = 'unknown', finished_at = ? WHERE state = 'committed'"
        " AND (run_id, position) IN (SELECT run_id, position FROM due WHERE holder = ?)",
        (timestamp(), holder),
    )
    connection.execute(
        "DELETE FROM due WHERE holder = ? AND (run_id, position) IN"
        " (SELECT mail.run_id, mail.position FROM mail JOIN due ON mail.run_id = due.run_id"
        " AND mail.position = due.position WHERE due.holder = ? AND mail.state = 'unknown')",
        (holder, holder),
    )
    connection.execute("UPDATE due SET holder = '' WHERE holder = ?", (holder,))


def drop(connection: Connection, number: int) -> None:
    """Take away a run that was never submitted to its end, in the connection's transaction."""
    connection.execute("DELETE FROM due WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM mail WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM durable WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM run WHERE id = ?", (number,))


def settle_mails(connection: Connection, number: int, now: str) -> None:
    """Nothing more will be heard of this run's mails: say what that makes of each that has no result."""
    for before, after in (("committed", "unknown"), ("claimed", "not sent")):
        connection.execute(
            "UPDATE mail SET state = ?, finished_at = ? WHERE run_id = ? AND state = ?",
            (after, now, number, before),
        )
