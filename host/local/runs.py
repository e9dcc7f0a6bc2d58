"""Recorded runs, in the database.

A run comes from the spool: insert, commit, and only then is its file deleted. After a crash anywhere in
between it is in the spool, in both, or in the database; its spool name, unique in the database, makes "both"
count once. So two processes may do this at the same time, and no run is lost or doubled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import defer

from host.local import spool
from host.local.files import StoreError
from host.local.spool import RecordedRun, Spool
from host.local.store import RunRow, Store


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What a list of runs shows of each."""

    id: int
    action: str
    asset: str
    container_id: str
    status: str
    message: str
    start_time: str
    end_time: str


class Runs:
    """The recorded runs of a data folder. Every method raises `StoreError`."""

    def __init__(self, waiting: Spool, store: Store) -> None:
        self._spool = waiting
        self._store = store

    def list(self, limit: int = 100) -> tuple[RunEntry, ...]:
        """The latest runs, the last one first."""
        self._take_over()
        with self._store.reading() as session:
            latest = select(RunRow).options(defer(RunRow.result), defer(RunRow.parameters))
            rows = session.scalars(latest.order_by(RunRow.id.desc()).limit(limit))
            return tuple(
                RunEntry(
                    row.id,
                    row.action,
                    row.asset,
                    row.container_id,
                    row.status,
                    row.message,
                    row.start_time,
                    row.end_time,
                )
                for row in rows
            )

    def get(self, number: int) -> RecordedRun:
        """One run with its parameters and result."""
        self._take_over()
        with self._store.reading() as session:
            row = session.get(RunRow, number)
            if row is None:
                raise StoreError(f"There is no recorded run {number}.")
            return RecordedRun(
                action=row.action,
                asset=row.asset,
                container_id=row.container_id,
                parameters=json.loads(row.parameters),
                status=row.status,
                message=row.message,
                result=json.loads(row.result),
                start_time=row.start_time,
                end_time=row.end_time,
            )

    def _take_over(self) -> None:
        waiting = self._spool.waiting()
        if not waiting:
            return
        taken: list[Path] = []
        with self._store.writing() as session:
            for path, run in spool.read(waiting):
                session.execute(insert(RunRow).values(_columns(path.stem, run)).on_conflict_do_nothing())
                taken.append(path)
        for path in taken:
            path.unlink(missing_ok=True)


def _columns(record_id: str, run: RecordedRun) -> dict[str, str]:
    return {
        "record_id": record_id,
        "action": _storable(run.action),
        "asset": _storable(run.asset),
        "container_id": _storable(run.container_id),
        "parameters": json.dumps(run.parameters),
        "status": run.status,
        "message": _storable(run.message),
        "result": json.dumps(run.result),
        "start_time": run.start_time,
        "end_time": run.end_time,
    }


def _storable(text: str) -> str:
    """JSON can hold half a surrogate pair; SQLite's texts can't."""
    return text.encode(errors="replace").decode()
