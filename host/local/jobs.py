"""Durable runs on PostgreSQL: which worker sends which mails when is Procrastinate's to say; the ledger decides.

A run's mails are cut into batches of `ROWS`, by their places. A batch that has something to be sent is a job:

    queueing lock   the batch, so that no two jobs for it wait
    priority        the run's
    scheduled at    when the first of its mails is due: `--not-before`, or the time of another try

A run has a job for the mail of it that is due first, not one for each batch at once: when a batch is done with, the
job for what is due next is deferred behind those of other mailboxes, so that a long run does not hold up the rest. All
of it is one queue: any worker can send for any mailbox. Whose turn it is at a mailbox its connections decide: a job
that gets none is deferred again for a moment later. (Procrastinate's `lock` could not: a job that is scheduled for
tomorrow holds up all of its lock that come after it.)

A job is deferred in the transaction that lets mails be due: the one that seals a run, resumes it, writes down that a
mail is to be tried again, or gives back what a worker had. So a run and its job are there together, or neither. What
a job says is never more than a hint all the same: a mail is claimed, and committed, in its row of the ledger before
its octets leave. A job that is there twice finds nothing to claim, and `defer_what_has_none` defers what has none:
the runs of a build before, or what was lost.

Whoever works on a job holds an advisory lock of its name and is the holder of the rows in `due`. So there are two ways
to see that a worker is gone, and any other worker looks for both. Its process ended: the lock is free. It hangs: its
heartbeats are missing. Then the sessions of its process at the database are ended, and with them go its locks and
its places among the mailbox's connections; should it wake up, it can commit nothing. In both cases its mails are
settled and what is left is deferred, under a new job: `take_over`.

Procrastinate's tables are in a schema of their own, made and brought up to date with ours; the version that they are
of is the schema's comment.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from host.local import holders, postgres
from host.local.jobs_schema import SCHEMA
from host.local.sql import Connection, database_timestamp, flushing, transaction

QUEUE = "mails"
SEND, SWEEP = "send", "sweep"
"""Tasks: send a batch; look for what is due and has no job."""
ROWS = 500
"""Mails of a batch."""
AT_LEAST = 30.0
"""Seconds that a batch is worked on before it gives way to others that wait, behind whom its rest is deferred."""
WAITED = 5.0
"""Seconds after which a job that waits does so because no worker has a place free."""
_HOLDER = re.compile(r"job-(\d+)")


@dataclass(frozen=True, slots=True)
class Batch:
    """The mails of a run from one place to another, both included."""

    run_id: int
    first: int
    last: int

    @property
    def name(self) -> str:
        return f"run {self.run_id}, mails {self.first} to {self.last}"


def batch_of(run_id: int, position: int) -> Batch:
    first = (position - 1) // ROWS * ROWS + 1
    return Batch(run_id, first, first + ROWS - 1)


def holder_of(job: int) -> str:
    """The lock that is held by whoever works on a job, as rows name it."""
    return f"job-{job}"


def defer_next(connection: Connection, run_id: int, *, later: float = 0.0) -> None:
    """Let there be a job for what is due first of a run, in the connection's transaction; in so many seconds or later.

    A run that is paused, over, or all in work has none.
    """
    row = connection.execute(
        "SELECT position, due_time FROM due WHERE run_id = ? AND holder = '' ORDER BY due_time, position LIMIT 1",
        (run_id,),
    ).fetchone()
    if row is not None:
        position, due_time = row
        defer(connection, run_id, position, max(due_time, database_timestamp(connection, later=later)))


def defer(connection: Connection, run_id: int, position: int, due_time: str) -> None:
    """Let there be a job for the batch of a mail at that time or earlier, in the connection's transaction."""
    batch = batch_of(run_id, position)
    # Two that defer the same at once take turns: the second one sees what the first one did.
    connection.execute("SELECT pg_advisory_xact_lock(?)", (postgres.number_of(f"jobs of run {run_id}"),))
    _name_the_schema(connection)
    is_later = "queueing_lock = ? AND status = 'todo' AND scheduled_at > ?::timestamptz"
    connection.execute(
        f"SELECT procrastinate_cancel_job_v1(id, false, true) FROM procrastinate_jobs WHERE {is_later}",  # noqa: S608 - ours
        (batch.name, due_time),
    )
    arguments = {"run_id": batch.run_id, "first": batch.first, "last": batch.last}
    connection.execute(
        "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW(?, ?, priority, NULL, ?, ?::jsonb,"
        " ?::timestamptz)::procrastinate_job_to_defer_v1]) FROM run JOIN durable ON durable.run_id = run.id"
        " WHERE id = ? AND state = 'running' AND NOT EXISTS"
        " (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = ? AND status = 'todo')",
        (QUEUE, SEND, batch.name, json.dumps(arguments), due_time, run_id, batch.name),
    )


def defer_what_has_none(connection: Connection) -> None:
    """Defer what is due and has no job: of a run that a build before took down, or a job that was lost."""
    runs = connection.execute(
        "SELECT id FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'running' AND EXISTS"  # noqa: S608 - ours
        " (SELECT 1 FROM due WHERE due.run_id = run.id AND holder = '' AND due_time <= ?) AND NOT EXISTS"
        f" (SELECT 1 FROM {SCHEMA}.procrastinate_jobs WHERE task_name = '{SEND}'"
        " AND (args ->> 'run_id')::bigint = run.id"
        " AND (status = 'doing' OR (status = 'todo' AND scheduled_at <= clock_timestamp())))",
        (database_timestamp(connection),),
    ).fetchall()
    for (number,) in runs:
        with transaction(connection):
            defer_next(connection, number)


def take_over(connection: Connection, holder: str) -> None:
    """Settle what a worker had that is gone, and defer what is left, in one transaction. Raises `StoreError`."""
    flushing(connection, full=True)
    with transaction(connection):
        runs = connection.execute("SELECT DISTINCT run_id FROM due WHERE holder = ?", (holder,)).fetchall()
        holders.settle_work(connection, holder)
        if (found := _HOLDER.fullmatch(holder)) is not None:
            runs += end(connection, int(found[1]))
        for number in sorted({number for (number,) in runs}):
            defer_next(connection, number)


def end(connection: Connection, job: int) -> list[tuple[int]]:
    """Take away a job that nobody works on any more; returns the number of its run, if it has one."""
    _name_the_schema(connection)
    # Locked first: its worker may be finishing it at this moment, and a job that is not there any more is an error.
    rows = connection.execute(
        "SELECT (args ->> 'run_id')::bigint FROM procrastinate_jobs WHERE id = ? AND status = 'doing' FOR UPDATE",
        (job,),
    ).fetchall()
    for _row in rows:
        connection.execute("SELECT procrastinate_finish_job_v1(?, 'failed', true)", (job,))
    return [(number,) for (number,) in rows if number is not None]


def begun_before(connection: Connection, seconds: float) -> list[int]:
    """The jobs that are being done, and were begun longer ago than this."""
    rows = connection.execute(
        f"SELECT id FROM {SCHEMA}.procrastinate_jobs AS jobs WHERE status = 'doing' AND NOT EXISTS"  # noqa: S608 - ours
        f" (SELECT 1 FROM {SCHEMA}.procrastinate_events WHERE job_id = jobs.id AND type = 'started'"
        " AND at > clock_timestamp() - make_interval(secs => ?)) ORDER BY id",
        (seconds,),
    ).fetchall()
    return [number for (number,) in rows]


def others_wait(connection: Connection, run_id: int, priority: int) -> bool:
    """Whether a job of another run, no less urgent, waits for longer than a worker with a free place lets it wait."""
    row = connection.execute(
        f"SELECT 1 FROM {SCHEMA}.procrastinate_jobs WHERE status = 'todo' AND task_name = '{SEND}'"  # noqa: S608 - ours
        " AND (args ->> 'run_id')::bigint != ? AND priority >= ?"
        " AND scheduled_at < clock_timestamp() - make_interval(secs => ?) LIMIT 1",
        (run_id, priority, WAITED),
    ).fetchone()
    return row is not None


def _name_the_schema(connection: Connection) -> None:
    """Procrastinate's functions name its tables without their schema; until the transaction ends they are found."""
    connection.execute(
        "SELECT set_config('search_path', current_setting('search_path') || ?, true)"
        " WHERE current_setting('search_path') NOT LIKE ?",
        (f", {SCHEMA}", f"%{SCHEMA}%"),
    )
