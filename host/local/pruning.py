"""What is kept of runs that have ended, and for how long: see `host.local.results` for the setting.

Two things outlive it: a mail of which nobody knows what became of it, until a person has resolved it; and an
idempotency key with its mail's result, for thirty days.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from host.local.files import timestamp
from host.local.results import keep_days
from host.local.sql import Connection, transaction

KEY_DAYS = 30
"""For so long an idempotency key is remembered, however long runs are kept."""
RESUMABLE_DAYS = 1.0
"""For so long, at least, a run that was cancelled is kept: it can be resumed."""
_STAMP = "pruned"
_ALL = 2**31 - 1
_MOST = 1000
"""Runs that the end of another run takes the time for."""


class Pruned(NamedTuple):
    """How many runs and mails went."""

    runs: int
    mails: int


def prune(connection: Connection, most: int = _ALL) -> Pruned:
    """Let runs go that have been kept for long enough, all or so many. Raises `StoreError`, `sqlite3.Error`."""
    days = keep_days()
    kept, keys = timestamp(days_ago=days), timestamp(days_ago=KEY_DAYS)
    cancelled = timestamp(days_ago=max(days, RESUMABLE_DAYS))
    with transaction(connection):
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS old (id INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM old")
        connection.execute(
            "INSERT INTO old SELECT id FROM run WHERE state NOT IN ('running', 'submitting', 'paused')"
            # A worker may still have mails of one that was cancelled.
            " AND kept_since <= CASE WHEN state = 'cancelled' THEN ? ELSE ? END"
            " AND NOT EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id)"
            " ORDER BY id LIMIT ?",
            (cancelled, kept, most),
        )
        mails = connection.execute(
            "DELETE FROM mail WHERE run_id IN (SELECT id FROM old) AND state != 'unknown'"
            " AND (key_hash IS NULL OR state = 'not sent' OR committed_at < ?)",
            (keys,),
        ).rowcount
        connection.execute(
            "UPDATE mail SET asked = NULL WHERE run_id IN (SELECT id FROM old) AND state != 'unknown'"
            " AND asked IS NOT NULL"
        )
        connection.execute(
            "DELETE FROM durable WHERE run_id IN (SELECT id FROM old) AND run_id NOT IN (SELECT run_id FROM mail)"
        )
        runs = connection.execute(
            "DELETE FROM run WHERE id IN (SELECT id FROM old) AND id NOT IN (SELECT run_id FROM mail)"
        ).rowcount
    return Pruned(runs, mails)


def prune_now_and_then(connection: Connection, folder: Path) -> None:
    """The same when a run has ended: at most once a day, and always where nothing is to be kept."""
    stamp = folder / _STAMP
    if keep_days() > 0 and not _is_due(stamp):
        return
    prune(connection, _MOST)
    with suppress(OSError):  # then it is done again after the next run
        stamp.touch(mode=0o600)


def _is_due(stamp: Path) -> bool:
    try:
        return time.time() - stamp.stat().st_mtime > 24 * 60 * 60
    except OSError:
        return True
