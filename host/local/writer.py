"""The rows of a durable run, written by several sessions at once: what each has to say, in as few flushes as can be.

Several sessions commit and are answered at the same time, and a disk flushes so many times a second and no more. So
they wait for one another: whoever may write next writes what all of them have, in one transaction with one flush. Each
has its own commitment on the disk before it goes on. A result waits for nobody, and is written by whoever writes next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host.local import files
from host.local.files import DATABASE, StoreError, timestamp
from host.local.retry import Again
from host.local.sql import Connection, database_timestamp, faults_named, flushing, share_turn, transaction


@dataclass(slots=True)
class Counted:
    """How many mails a worker has dealt with, by what became of them; `again` are those that are to be tried again."""

    by_state: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, state: str) -> None:
        with self.lock:
            self.by_state[state] = self.by_state.get(state, 0) + 1


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a mail, as it is to be written: `result` and `asked` are encrypted. `next_try` is None for ever.

    `tries` were made before.
    """

    position: int
    tries: int
    state: str
    next_try: Again | None
    result: bytes
    asked: bytes


@dataclass(slots=True, eq=False)
class _Commitment:
    """What is to be written down before some mails may leave. `error` says why it was not."""

    values: Sequence[tuple[Any, ...]]
    is_written: bool = False
    error: StoreError | None = None


class Writer:
    """Writes the rows of one run's mails that `holder` has. Used by several threads at once.

    `tell` is given what can't be written down.
    """

    def __init__(
        self,
        connection: Connection,
        folder: Path,
        run_id: int,
        holder: str,
        tell: Callable[[str], None],
        counted: Counted,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._run_id = run_id
        self._holder = holder
        self._tell = tell
        self._counted = counted
        self._lock = threading.RLock()
        """Whoever has it may use the connection."""
        self._waiting = threading.Lock()
        """Whoever has it may look at what waits to be written, and change it."""
        self._commitments: list[_Commitment] = []
        self._results: dict[int, Ended] = {}
        self.is_failing = False
        """What was to be written last could not be."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The connection for oneself. Whoever has had it leaves nothing behind that came meanwhile."""
        try:
            with self._lock:
                yield
        finally:
            self._write_unless_somebody_does()

    @contextmanager
    def transaction(self, *, full: bool) -> Iterator[None]:
        """One transaction, within a turn; `full`: on the disk when it ends. Raises `StoreError`."""
        with faults_named(self._folder / DATABASE):
            flushing(self._connection, full=full)
            with transaction(self._connection):
                yield

    def commit(self, values: Sequence[tuple[Any, ...]]) -> None:
        """Let mails be committed, on the disk. Raises `StoreError`: they may not leave.

        Of each: the time, its Message-ID, what stands if nothing more is heard of it, its run, position and holder.
        """
        commitment = _Commitment(values)
        with self._waiting:
            self._commitments.append(commitment)
        with self.turn():
            if not commitment.is_written and commitment.error is None:
                self._write_what_waits()
        if not commitment.is_written:
            raise commitment.error or StoreError(f"Mails of run {self._run_id} could not be committed.")

    def finish(self, ended: Ended) -> None:
        """Write down what became of a mail. If that fails it is told, and tried again later."""
        with self._waiting:
            self._results[ended.position] = ended
        self._write_unless_somebody_does()

    def write_all(self) -> None:
        """Write down what waits; what can't be written is told."""
        with self.turn():
            self._write_what_waits()

    def _write_unless_somebody_does(self) -> None:
        """Never raises. Who has the connection now comes here when it is done, and finds what is there then."""
        while self._results or self._commitments:
            if not self._lock.acquire(blocking=False):
                return
            try:
                is_written = self._write_what_waits()
            finally:
                self._lock.release()
            if not is_written:
                return

    def _write_what_waits(self) -> bool:
        """Write all commitments and results that there are, with one flush; whether all of them are written."""
        with self._waiting:
            commitments, self._commitments = self._commitments, []
            results = list(self._results.values())
        try:
            with self.transaction(full=bool(commitments)):
                share_turn(self._connection, self._run_id)
                for commitment in commitments:
                    self._commit(commitment)
                states = [self._write_result(result) for result in results]
                self._defer([result for result in results if result.next_try is not None])
        except StoreError as error:
            if results and not self.is_failing:  # once, and not for each mail again
                self.is_failing = True
                first = results[0].position
                self._tell(f"The result of mail {first} of run {self._run_id} is not recorded yet. {error}")
            self._commit_one_by_one(commitments)
            return False
        self.is_failing = False
        for commitment in commitments:
            commitment.is_written = True
        with self._waiting:
            for result in results:
                del self._results[result.position]
        for state in states:
            self._counted.add(state)
        return True

    def _commit_one_by_one(self, commitments: Sequence[_Commitment]) -> None:
        """What is wrong with one of them is wrong with no other."""
        for commitment in commitments:
            try:
                with self.transaction(full=True):
                    share_turn(self._connection, self._run_id)
                    self._commit(commitment)
                commitment.is_written = True
            except StoreError as error:
                commitment.error = error

    def _commit(self, commitment: _Commitment) -> None:
        """Within a transaction. Raises `StoreError`."""
        changed = self._connection.executemany(
            "UPDATE mail SET state = 'committed', attempts = attempts + 1, committed_at = ?, message_id = ?,"
            " result = ? WHERE run_id = ? AND position = ? AND state IN ('claimed', 'committed') AND EXISTS"
            " (SELECT 1 FROM due WHERE due.run_id = mail.run_id AND due.position = mail.position"
            " AND due.holder = ?)",
            commitment.values,
        )
        if changed.rowcount != len(commitment.values):
            raise StoreError(
                f"Mails of run {self._run_id} were settled by another process, as if this one had ended."
            )

    def _write_result(self, ended: Ended) -> str:
        """Within a transaction."""
        mail, execute = (self._run_id, ended.position), self._connection.execute
        is_ours = execute(
            "SELECT 1 FROM due WHERE run_id = ? AND position = ? AND holder = ?", (*mail, self._holder)
        ).fetchone()
        if is_ours is None:
            return self._write_late(ended)
        if ended.next_try is not None:
            execute(
                "UPDATE mail SET state = 'waiting', result = ? WHERE run_id = ? AND position = ?",
                (ended.result, *mail),
            )
            after, tries = ended.next_try.after, ended.tries + ended.next_try.counts
            execute(
                "UPDATE due SET due_time = ?, tries = ?, holder = '' WHERE run_id = ? AND position = ?",
                (database_timestamp(self._connection, later=after), tries, *mail),
            )
            return "again"
        execute(
            "UPDATE mail SET state = ?, finished_at = ?, result = ?, asked = ? WHERE run_id = ? AND position = ?",
            (ended.state, timestamp(), ended.result, ended.asked, *mail),
        )
        execute("DELETE FROM due WHERE run_id = ? AND position = ?", mail)
        return ended.state

    def _defer(self, again: Sequence[Ended]) -> None:
        """Let there be a job for the first of these mails that is due again, within a transaction."""
        if not again or not files.is_server():
            return
        from host.local import jobs

        first = min(again, key=lambda ended: ended.next_try.after if ended.next_try else 0.0)
        after = first.next_try.after if first.next_try else 0.0
        due_time = database_timestamp(self._connection, later=after)
        jobs.defer(self._connection, self._run_id, first.position, due_time)

    def _write_late(self, ended: Ended) -> str:
        """Another process took this one for gone, and settled the mail. What is known now is better than unknown."""
        if ended.state in ("sent", "partly sent"):
            self._connection.execute(
                "UPDATE mail SET state = ?, result = ? WHERE run_id = ? AND position = ? AND state = 'unknown'",
                (ended.state, ended.result, self._run_id, ended.position),
            )
        return ended.state
