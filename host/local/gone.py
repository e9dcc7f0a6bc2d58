"""What workers had that are gone, settled by whoever notices: another worker, or who looks at the runs."""

from __future__ import annotations

from pathlib import Path

from host.local import files, holders, locks
from host.local.sql import Connection, flushing, transaction


def settle(connection: Connection, folder: Path) -> None:
    """Settle what workers of durable runs had that are gone. Raises `StoreError`, `sqlite3.Error`."""
    held = connection.execute("SELECT DISTINCT holder FROM due WHERE holder != ''").fetchall()
    for (holder,) in held:
        if locks.is_alive(folder, holder):
            continue
        if files.is_server():
            from host.local import jobs

            jobs.take_over(connection, holder)
        else:
            flushing(connection, full=True)
            with transaction(connection):
                holders.settle_work(connection, holder)
