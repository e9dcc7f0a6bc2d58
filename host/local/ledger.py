"""The ledger: what is known of each mail of a run, written down as it becomes known.

A run and its mails, one for each parameter set, are in the database before anything is connected. A mail's state goes

    claimed -> committed -> sent | partly sent | not sent | unknown

`claimed`: it is this run's to send. `committed`: written, and on the disk, before the octets leave that can complete
the message; if that fails it is not sent. From there on only the server's answer says what became of it. Each
result is written as soon as it is known; it outlives the end of the process, however that comes. It is
brought to the disk with the next commitment, or the end of the run: a loss of power in between leaves the mail
`unknown`, which is never sent again by itself.

What happens to a run whose process ends before it does is in `host.local.holders`.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from actions import report as reports
from actions.contract import Report
from delivery.asset import Asset
from delivery.attempt import Attempt, Outgoing
from host.local import keys, locks
from host.local.files import DATABASE, Cipher, StoreError, timestamp
from host.local.home import Home
from host.local.locks import Held
from host.local.results import (
    KEEP_DAYS,
    as_result,
    if_lost,
    joint_message,
    keep_days,
    prune_now_and_then,
    recorded,
)
from host.local.schema import SETTLE_MAILS
from host.local.sql import Connection, OpenDatabase, faults_named, transaction
from message.compose import Draft
from smtp.errors import Cancelled, MailError, Step

HURRY = 1.0
"""Seconds, over the whole of a run, that other processes' transactions are waited for once it is to stop."""
_COMMITMENT = (
    "UPDATE mail SET state = 'committed', attempts = attempts + 1, committed_at = ?, message_id = ?,"
    " result = ? WHERE run_id = ? AND position = ? AND state IN ('claimed', 'committed')"
)
_RESULT = (
    # An action without data says no more than whether it went well.
    "UPDATE mail SET state = coalesce(?, CASE WHEN state != 'committed' THEN 'not sent' WHEN ? THEN"
    " 'sent' ELSE 'unknown' END), finished_at = ?, result = ? WHERE run_id = ? AND position = ?"
)
_LOOK_FOR_OLD = 3600.0
"""Seconds between two looks of a process for runs that are kept no longer."""


class Heading(NamedTuple):
    """What is known of a run beside its mails. `asset_name` and `asset_id` are "" for an asset that is not stored."""

    action: str
    asset_name: str
    asset_id: str
    container_id: str


class _Begun(NamedTuple):
    """A run that is in the database."""

    number: int
    start_time: str
    mails: int
    database: OpenDatabase
    holder: Held


class _Commitment:
    """What is to be written down before some mails may leave: the values of `_COMMITMENT` for each of them."""

    rows: Sequence[tuple[Any, ...]] = ()
    is_written = False
    error: StoreError | None = None
    """Why it could not be."""


class Ledger:
    """The journal of one run on this machine: `host.run_context.Journal`. Used by several threads at once.

    Several sessions commit and are answered at the same time, and a disk flushes so many times a second and no more. So
    whoever may write next writes what all of them have, in one transaction with one flush.

    `tell` is given a sentence where something can't be written any more and is true all the same. `is_cancelled` is
    asked while other processes write.
    """

    def __init__(
        self,
        home: Home,
        heading: Heading,
        asset: Asset,
        tell: Callable[[str], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._home = home
        self._heading = heading
        self._asset = asset
        self._tell = tell
        self._is_cancelled = is_cancelled
        self._hurried_until = math.inf
        self._lock = threading.Lock()
        """Whoever has it may use the connection."""
        self._begun: _Begun | None = None
        self.number = 0
        """The run's number, once it is written down; `has_begun` is set then."""
        self.has_begun = threading.Event()
        self.unslowed_at = -math.inf
        """As `host.local.limits.Lender` has it."""
        self._told: list[dict[str, str]] = []
        """Status and message of each mail that has its result."""
        self._known: set[int] = set()
        """The places of those that were written down before they were told."""
        self._commitments: deque[_Commitment] = deque()
        """Those that wait to be written."""
        self._unwritten: dict[int, tuple[Any, ...]] = {}
        """Results that are not in the database yet."""

    def begin(self, parameter_sets: Sequence[Any]) -> None:
        """Write down the run and its mails. Raises `StoreError`: nothing was sent.

        It is on the disk with the first commitment: a loss of power before that leaves nothing, and nothing was sent.
        """
        if KEEP_DAYS in os.environ:
            keep_days()  # a setting that can't be understood is said before anything is sent
        database = self._home.databases.take()
        self._told, self._known, self._unwritten = [], set(), {}
        connection, encrypt = database.connection, database.cipher.encrypt
        with ExitStack() as undone:
            undone.callback(connection.close)
            holder = locks.hold(self._home.folder)
            undone.callback(holder.free, remove=True)
            asked = [encrypt(recorded(parameters)) for parameters in parameter_sets]
            start_time = timestamp()
            with transaction(connection, self._latest, full=False):
                row = connection.execute(
                    "INSERT INTO run (action, asset, asset_id, container_id, holder, state, status, start_time,"
                    " end_time, kept_since) VALUES (?, ?, ?, ?, ?, 'running', '', ?, '', '')"
                    " RETURNING id, (SELECT slow_until FROM mailbox WHERE account = ?)",
                    (*self._heading, holder.path.name, start_time, locks.account_of(self._asset)),
                ).fetchone()
                number = int(row[0])
                connection.executemany(
                    "INSERT INTO mail (run_id, position, state, attempts, message_id, asked, committed_at, finished_at)"
                    " VALUES (?, ?, 'claimed', 0, '', ?, '', '')",
                    [(number, position, one) for position, one in enumerate(asked, 1)],
                )
            undone.pop_all()
        self._begun = _Begun(number, start_time, len(parameter_sets), database, holder)
        if not row[1]:
            self.unslowed_at = time.monotonic()
        self.number = number
        self.has_begun.set()

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """The run's connection, for this thread alone. Raises `StoreError`."""
        begun = self._begun
        assert begun is not None  # noqa: S101 - mails are sent after their run has begun
        with self._lock, faults_named(self._home.folder / DATABASE):
            yield begun.database.connection

    def claim(self, position: int, key: str, content: bytes) -> Report | None:
        """Let this mail have the key, unless one had it that was or may have been sent: then return that one's report.

        Raises `KeyInProgress` and `KeyOfOtherContent`; `StoreError` where it can't be written down, and `Cancelled`.
        """
        begun = self._begun
        assert begun is not None  # noqa: S101 - mails are prepared after their run has begun
        heading, connection, cipher = self._heading, begun.database.connection, begun.database.cipher
        whole_key = keys.scope(heading.action, heading.asset_id, self._asset), key
        mail = begun.number, position
        try:
            with self._lock, transaction(connection, self._latest, full=False):
                return keys.claim(connection, self._home.folder, cipher, mail, whole_key, content)
        except StoreError as error:
            raise self._unless_hurried(error) from error

    def prepared(self, position: int, outgoing: Outgoing) -> Outgoing:
        """The message with the Message-ID of its mail, which is the same whenever it is made again."""
        begun = self._begun
        assert begun is not None  # noqa: S101 - mails are prepared after their run has begun
        return named(outgoing, begun.database.cipher, begun.number, begun.start_time, position)

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Write down, on the disk, that the octets that complete these mails may leave.

        Raises `StoreError`, and `Cancelled` where there was no time for it any more.
        """
        begun = self._begun
        assert begun is not None  # noqa: S101 - mails are sent after their run has begun
        rows = [
            (
                timestamp(),
                attempt.message.message_id if attempt.message else "",
                begun.database.cipher.encrypt(as_result(if_lost(attempt, self._asset))),
                begun.number,
                # An action that sends without preparing does one set after the other.
                attempt.position or len(self._told) + 1,
            )
            for attempt in attempts
            # A message may take several transactions; after the first nobody can say any more that it was not sent.
            if not attempt.is_committed
        ]
        if not rows:
            return
        commitment = _Commitment()
        commitment.rows = rows
        self._commitments.append(commitment)
        self._write(begun, waits=True)
        if not commitment.is_written:
            error = commitment.error or StoreError(f"Mails of run {begun.number} could not be committed.")
            raise self._unless_hurried(error) from error

    def ended(self, attempt: Attempt) -> None:
        """Write down what became of a mail that is told later, when those before it are."""
        begun = self._begun
        assert begun is not None  # noqa: S101 - what has not begun has no results
        self._unwritten[attempt.position] = self._result(
            begun, attempt.position, reports.report(attempt, self._asset)
        )
        self._known.add(attempt.position)
        self._write(begun, waits=False)  # what can't be written is told when the mail is

    def finished(self, position: int, report: Report) -> None:
        """Write down what became of a mail. If that fails it is told, and tried again later."""
        begun = self._begun
        assert begun is not None  # noqa: S101 - what has not begun has no results
        self._told.append({"status": "success" if report.success else "failed", "message": report.message})
        if position not in self._known:
            self._unwritten[position] = self._result(begun, position, report)
        if begun.mails == 1:
            self.end()  # which writes down both with one flush
        elif position in self._unwritten:
            error = self._write(begun, waits=True)
            if error is not None:
                self._tell(f"The result of mail {position} could not be recorded yet. {error}")

    def end(self) -> None:
        """Settle what has no result, and the run itself. What can't be written is told."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        connection, cipher = begun.database.connection, begun.database.cipher
        is_whole = len(self._told) == begun.mails
        is_good = is_whole and {told["status"] for told in self._told} <= {"success"}
        message = joint_message(self._told) if is_whole else "The run was interrupted."
        with ExitStack() as resources:
            resources.callback(begun.holder.free, remove=True)
            resources.callback(connection.close)
            try:
                with self._lock, transaction(connection, self._latest, full=True):
                    now = timestamp()
                    if self._unwritten:
                        connection.executemany(_RESULT, list(self._unwritten.values()))
                    if not is_whole:
                        connection.execute(SETTLE_MAILS, (now, begun.number))
                    connection.execute(
                        "UPDATE run SET state = 'ended', status = ?, message = ?, end_time = ?, kept_since = ?"
                        " WHERE id = ? AND state = 'running'",
                        (
                            "success" if is_good else "failed",
                            cipher.encrypt({"message": message}),
                            now,
                            now,
                            begun.number,
                        ),
                    )
                if KEEP_DAYS in os.environ or time.monotonic() > self._home.databases.pruned + _LOOK_FOR_OLD:
                    with faults_named(self._home.folder / DATABASE):
                        prune_now_and_then(connection, self._home.folder)
                    self._home.databases.pruned = time.monotonic()
            except StoreError as error:
                if begun.mails == 1 and self._unwritten:  # of several each was told when it was tried
                    self._tell(f"The result of mail 1 could not be recorded yet. {error}")
                self._tell(f"This run's end could not be recorded. {error}")
                return
            resources.pop_all()
        begun.holder.free(remove=True)
        self._home.databases.give_back(begun.database)

    def _result(self, begun: _Begun, position: int, report: Report) -> tuple[Any, ...]:
        """The values of `_RESULT`."""
        outcome = report.data[0].get("outcome") if report.data else None
        result = begun.database.cipher.encrypt(as_result(report))
        return outcome, report.success, timestamp(), result, begun.number, position

    def _write(self, begun: _Begun, *, waits: bool) -> StoreError | None:
        """Write down all that waits, for all who wait, and return why that failed.

        Without `waits` it is left to whoever has the connection now, who finds the results when it has written.
        """
        failed = None
        while waits or (self._unwritten and not self._commitments and failed is None):
            if not self._lock.acquire(blocking=waits):
                break
            try:
                failed = self._write_what_waits(begun)
            finally:
                self._lock.release()
            waits = False
        return failed

    def _write_what_waits(self, begun: _Begun) -> StoreError | None:
        """Write it in one transaction, with one flush if mails are to be committed. For whoever has the lock."""
        commitments = [self._commitments.popleft() for _ in range(len(self._commitments))]
        committed = [row for commitment in commitments for row in commitment.rows]
        results = dict(self._unwritten)
        if not committed and not results:
            return None  # somebody else did it meanwhile
        connection = begun.database.connection
        try:
            with transaction(connection, self._latest, full=bool(committed)):
                if committed:
                    changed = connection.executemany(_COMMITMENT, committed)
                    if changed.rowcount != len(committed):
                        raise StoreError(
                            f"Run {begun.number} was settled by another process, as if this one had ended."
                            " It sends no more."
                        )
                if results:
                    connection.executemany(_RESULT, list(results.values()))
        except StoreError as error:
            for commitment in commitments:
                commitment.error = error
            return error
        for commitment in commitments:
            commitment.is_written = True
        for position in results:
            del self._unwritten[position]
        return None

    def _unless_hurried(self, error: StoreError) -> MailError:
        """What a cancelled run had no time to write down before sending is no fault of the data folder's."""
        if self._hurried_until == math.inf:
            return error
        return Cancelled("the action was cancelled", step=Step.CONNECT)

    def _latest(self) -> float:
        """Until when other processes' transactions may be waited for, in seconds of `time.monotonic`."""
        if self._hurried_until == math.inf and self._is_cancelled():
            self._hurried_until = time.monotonic() + HURRY
        return self._hurried_until


def named(outgoing: Outgoing, cipher: Cipher, run_id: int, start_time: str, position: int) -> Outgoing:
    """The message with the Message-ID that belongs to this mail of this run; one that brought its own keeps it.

    The run's time is part of it: databases may share a key, and each of them has a run 1. Of two mails with the same
    Message-ID many a receiver keeps the first one only.
    """
    if not isinstance(outgoing, Draft):
        return outgoing
    which = f"mail {position} of run {run_id}, begun {start_time}"
    return outgoing._replace(unique=cipher.mac(which.encode()).hex()[:32])
