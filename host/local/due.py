"""What workers of durable runs look for in the ledger: what is due, whether others go first, what is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from host.local import files
from host.local.durable import cancel_waiting
from host.local.files import Cipher, as_time, timestamp
from host.local.home import Home
from host.local.sql import Connection, database_timestamp, take_turn, transaction
from host.local.work import DurableRun

_RUNS = (
    "SELECT id, action, asset, asset_id, container_id, priority, give_up_after, start_time FROM run"
    " JOIN durable ON durable.run_id = run.id WHERE state = 'running'"
)

_IS_CANCELLED = (
    "SELECT id FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'cancelled'"
    " AND EXISTS (SELECT 1 FROM mail WHERE mail.run_id = run.id AND mail.state = 'waiting')"
)
_IS_DONE = (
    "SELECT id FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'running'"
    " AND NOT EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id)"
)


def due_runs(connection: Connection) -> list[DurableRun]:
    """Of each mailbox the most urgent run with mails that are due and nobody has, the most urgent first."""
    rows = connection.execute(
        f"{_RUNS} AND EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id AND holder = '' AND due_time <= ?)"  # noqa: S608 - ours
        " ORDER BY priority DESC, id",
        (database_timestamp(connection),),
    ).fetchall()
    first: dict[str, DurableRun] = {}
    for row in rows:
        run = _run_of(connection, row)
        first.setdefault(run.asset_id, run)
    return list(first.values())


def durable_run(connection: Connection, number: int) -> DurableRun | None:
    """One run, if it is to be worked on."""
    row = connection.execute(f"{_RUNS} AND id = ?", (number,)).fetchone()
    return _run_of(connection, row) if row is not None else None


def _run_of(connection: Connection, row: Sequence[Any]) -> DurableRun:
    number, action, asset, asset_id, container_id, priority, give_up_after, start_time = row
    # Of two machines' clocks one may be wrong: both times are the database's.
    age = max((as_time(database_timestamp(connection)) - as_time(start_time)).total_seconds(), 0.0)
    return DurableRun(number, action, asset, asset_id, container_id, priority, give_up_after, start_time, age)


def is_put_off(connection: Connection, run: DurableRun) -> bool:
    """Whether a run is to wait: it was paused or cancelled, or a more urgent one of its mailbox is due."""
    row = connection.execute("SELECT state FROM run WHERE id = ?", (run.id,)).fetchone()
    if row is None or row[0] != "running":
        return True
    urgent = connection.execute(
        "SELECT 1 FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'running' AND asset_id = ?"
        " AND priority > ? AND EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id AND holder = ''"
        " AND due_time <= ?)",
        (run.asset_id, run.priority, database_timestamp(connection)),
    ).fetchone()
    return urgent is not None


def gives_way(connection: Connection, run: DurableRun, began: float) -> bool:
    """Whether a batch is to make room for those of other runs, which wait since every worker is busy.

    A mailbox with 30 messages a minute would keep a worker's place for 17 minutes with each batch.
    """
    if not files.is_server():
        return False
    from host.local import jobs

    if time.monotonic() - began < jobs.AT_LEAST:
        return False
    return jobs.others_wait(connection, run.id, run.priority)


def end_what_is_done(connection: Connection, home: Home) -> None:
    """End the durable runs of which nothing is left to be done."""
    cancelled = connection.execute(_IS_CANCELLED).fetchall()
    for (number,) in cancelled:  # a worker has given back what it had not begun
        with transaction(connection):
            take_turn(connection, number)
            if connection.execute(
                f"{_IS_CANCELLED} AND id = ?", (number,)
            ).fetchone():  # not resumed meanwhile
                cancel_waiting(connection, number, Cipher(home.folder))
    done = connection.execute(_IS_DONE).fetchall()
    for (number,) in done:
        with transaction(connection):
            take_turn(connection, number)
            if connection.execute(
                f"{_IS_DONE} AND id = ?", (number,)
            ).fetchone():  # nothing was resolved meanwhile
                _end(connection, number, Cipher(home.folder))


def _end(connection: Connection, number: int, cipher: Cipher) -> None:
    counts = dict(
        connection.execute(
            "SELECT state, count(*) FROM mail WHERE run_id = ? GROUP BY state", (number,)
        ).fetchall()
    )
    total, now = sum(counts.values()), timestamp()
    good = counts.get("sent", 0) + counts.get("partly sent", 0)
    message = f"{good} of {total} succeeded"
    if rest := [
        f"{counts[state]} {state}" for state in ("partly sent", "not sent", "unknown") if counts.get(state)
    ]:
        message += f"; {', '.join(rest)}"
    connection.execute(
        "UPDATE run SET state = 'ended', status = ?, message = ?, end_time = ?, kept_since = ?"
        " WHERE id = ? AND state = 'running'",
        ("success" if good == total else "failed", cipher.encrypt({"message": message}), now, now, number),
    )
