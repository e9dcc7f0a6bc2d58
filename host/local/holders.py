"""Who holds a run: its process, by a lock on a file. When the process is gone, whatever ended it, so is the lock.

A run whose process is gone is settled by whoever notices: what was committed is unknown, since nobody can know
whether its octets left, and the rest was not sent.
"""

from __future__ import annotations

from pathlib import Path

from host.local.files import timestamp
from host.local.locks import is_alive
from host.local.schema import SETTLE_MAILS
from host.local.sql import Connection, take_turn, transaction


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
        connection.execute(SETTLE_MAILS, (now, number))


def settle_work(connection: Connection, holder: str) -> None:
    """Settle the mails of durable runs that a worker had which is gone, in the connection's transaction.

    What it had not committed waits for another worker. What it had is unknown, and nobody's work any more. That the
    holder is not empty is said although it never is: only so does SQLite use the index of what is held, and does not
    read through everything that waits.
    """
    held = "SELECT DISTINCT run_id FROM due WHERE holder = ? AND holder != '' ORDER BY run_id"
    for (number,) in connection.execute(held, (holder,)).fetchall():
        take_turn(connection, number)
    connection.execute(
        "UPDATE mail SET state = 'waiting' WHERE state = 'claimed'"
        " AND (run_id, position) IN (SELECT run_id, position FROM due WHERE holder = ? AND holder != '')",
        (holder,),
    )
    connection.execute(
        "UPDATE mail SET state = 'unknown', finished_at = ? WHERE state = 'committed'"
        " AND (run_id, position) IN (SELECT run_id, position FROM due WHERE holder = ? AND holder != '')",
        (timestamp(), holder),
    )
    connection.execute(
        "DELETE FROM due WHERE holder = ? AND holder != '' AND EXISTS (SELECT 1 FROM mail"
        " WHERE mail.run_id = due.run_id AND mail.position = due.position AND mail.state = 'unknown')",
        (holder,),
    )
    connection.execute("UPDATE due SET holder = '' WHERE holder = ? AND holder != ''", (holder,))


def drop(connection: Connection, number: int) -> None:
    """Take away a run that was never submitted to its end, in the connection's transaction.

    One that was sealed since it was looked at stays: its submitter was told that it is taken.
    """
    dropped = connection.execute(
        "UPDATE run SET holder = '' WHERE id = ? AND state = 'submitting'", (number,)
    ).rowcount
    if not dropped and connection.execute("SELECT 1 FROM run WHERE id = ?", (number,)).fetchone():
        return
    connection.execute("DELETE FROM due WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM mail WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM durable WHERE run_id = ?", (number,))
    connection.execute("DELETE FROM run WHERE id = ?", (number,))
