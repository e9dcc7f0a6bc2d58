"""Durable runs, as whoever asks for them sees them: submitted, paused, cancelled, resumed.

A run that is submitted is in the database, whole, before anybody is told of it, and a worker (`host.local.worker`)
sends its mails, today or after the next power cut. Rows of a run are written in pieces and become due in the
transaction that seals it; what is not sealed when its process ends is dropped by whoever notices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from actions.contract import KEY
from delivery.pool import Pool
from host.local import database, files, holders, inputs, locks, retry
from host.local.files import DATABASE, Cipher, StoreError, timestamp
from host.local.home import Home
from host.local.inputs import InputError
from host.local.ledger import Heading
from host.local.relayed import run_of
from host.local.results import keep_days
from host.local.rows import Row
from host.local.run import LocalContext, Unwatched, read_asset
from host.local.sql import Connection, database_timestamp, faults_named, flushing, take_turn, transaction
from host.manifest.model import Action, load
from smtp.errors import MailError

PIECE = 500
"""Rows that are written in one transaction: others get their turn in between."""
MOST_REFUSED = 10_000
"""Refused rows that are told one by one."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with the rows. `asset` is the name of a stored one.

    The idempotency key of each row is what it has in `key_field`, which need not be a parameter; "": none but its own
    parameter `idempotency_key`. `not_before` is a time as `timestamp` writes it, "" for now. Higher priorities go
    first. `give_up_after` is in seconds from now, None for five tries.
    """

    action: Action
    asset: str
    container_id: str = ""
    key_field: str = ""
    not_before: str = ""
    priority: int = 0
    give_up_after: float | None = None
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that can't be done, with the line that it begins in."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """A run that is in the database whole, or None where nothing of it was kept, and the rows that were not taken.

    `refused` has the first `MOST_REFUSED` of the `refusals`.
    """

    run_id: int | None
    rows: int
    refused: tuple[Refused, ...]
    refusals: int


def submit(order: Order, rows: Iterable[Row], home: Home) -> Submitted:
    """Take a durable run down, and return once every row of it is on the disk.

    Raises `InputError`, `StoreError`: nothing was kept then.
    """
    keep_days()  # a setting that can't be understood is said before anything is taken
    with closing(_Submission(order, home)) as submission:
        refused: list[Refused] = []
        refusals = taken = 0
        waiting = iter(rows)
        while piece := list(islice(waiting, PIECE)):
            good = []
            for row in piece:
                try:
                    good.append(submission.checked(row))
                except InputError as error:
                    refusals += 1
                    if len(refused) < MOST_REFUSED:
                        refused.append(Refused(row.line, str(error)))
            if order.all_or_nothing and refusals:
                continue  # the others are looked at all the same, so that everything is told at once
            submission.write(good)
            taken += len(good)
        if not taken or (order.all_or_nothing and refusals):
            return Submitted(None, 0, tuple(refused), refusals)
        return Submitted(submission.seal(), taken, tuple(refused), refusals)


class _Submission:
    """A run that is being taken down. What is not sealed is gone with `close`."""

    def __init__(self, order: Order, home: Home) -> None:
        manifest = load()
        given = inputs.stored_asset(order.asset, home)
        asset = read_asset(given, manifest)
        self._order = order
        self._folder = home.folder
        self._heading = Heading(order.action.name, given.name, given.id, order.container_id)
        try:
            self._action_run = run_of(
                order.action, LocalContext(asset, self._heading, home, Unwatched()), Pool()
            )
        except MailError as error:
            raise InputError(f"The asset {given.called} is not right: {error.text} {error.hint}") from error
        if not self._action_run.prepares:
            raise InputError(
                f'"{order.action.name}" is not one mail for each row, and so can\'t be submitted.'
            )
        self._cipher: Cipher | None = None
        self._count = 0
        self._number = 0
        self._is_sealed = False
        self._connection = database.connect(home.folder)
        try:
            self._cipher = Cipher(home.folder)
            self._holder = locks.hold(home.folder)
        except BaseException:
            self._connection.close()
            raise

    def checked(self, row: Row) -> Mapping[str, Any]:
        """The row's parameters, which can be done as far as that can be said without a server. Raises `InputError`."""
        if row.fault:
            raise InputError(row.fault)
        parameters = dict(row.parameters)
        if (field := self._order.key_field) and field != KEY:
            if parameters.get(field) in (None, ""):
                raise InputError(f"{field}: every row has its key there, and this one has none")
            parameters[KEY] = str(parameters[field])
            if field not in self._order.action.parameters:
                del parameters[field]
        elif field and not parameters.get(KEY):
            raise InputError(f"{field}: every row has its key there, and this one has none")
        try:
            self._action_run.check(parameters)
        except MailError as error:
            raise InputError(error.text) from error
        return parameters

    def write(self, sets: list[Mapping[str, Any]]) -> None:
        """Insert these rows."""
        cipher = self._cipher
        assert cipher is not None  # noqa: S101 - it was read
        due = self._order.not_before or database_timestamp(self._connection)
        with faults_named(self._folder / DATABASE):
            flushing(self._connection, full=False)
            with transaction(self._connection):
                if not self._number:
                    self._number = self._insert()
                first = self._count + 1
                self._connection.executemany(
                    "INSERT INTO mail (run_id, position, state, attempts, message_id, asked, committed_at,"
                    " finished_at) VALUES (?, ?, 'waiting', 0, '', ?, '', '')",
                    [(self._number, n, cipher.encrypt(one)) for n, one in enumerate(sets, first)],
                )
                self._connection.executemany(
                    "INSERT INTO due (run_id, position, due_time, tries, holder) VALUES (?, ?, ?, 0, '')",
                    [(self._number, n, due) for n in range(first, first + len(sets))],
                )
        self._count += len(sets)

    def seal(self) -> int:
        """Let the rows be due; they are on the disk then. Returns the run's number."""
        with faults_named(self._folder / DATABASE):
            flushing(self._connection, full=True)
            with transaction(self._connection):
                sealed = self._connection.execute(
                    "UPDATE run SET state = 'running', holder = '', start_time = ?"
                    " WHERE id = ? AND state = 'submitting'",
                    # `--give-up-after` is counted from here, on whichever machine.
                    (database_timestamp(self._connection), self._number),
                ).rowcount
                if not sealed:
                    raise StoreError(
                        f"Run {self._number} was dropped by another process, as if this one had ended. Nothing of it"
                        " was kept; submit it again."
                    )
                _let_workers_know(self._connection, self._number)
        self._is_sealed = True
        return self._number

    def close(self) -> None:
        """Take away what is not sealed, and give everything back."""
        try:
            if self._number and not self._is_sealed:
                with faults_named(self._folder / DATABASE), transaction(self._connection):
                    holders.drop(self._connection, self._number)
        finally:
            self._action_run.close()
            self._connection.close()
            self._holder.free(remove=True)

    def _insert(self) -> int:
        heading = self._heading
        row = self._connection.execute(
            "INSERT INTO run (action, asset, asset_id, container_id, holder, state, status, start_time, end_time,"
            " kept_since) VALUES (?, ?, ?, ?, ?, 'submitting', '', ?, '', '') RETURNING id",
            (
                heading.action,
                heading.asset_name,
                heading.asset_id,
                heading.container_id,
                self._holder.path.name,
                timestamp(),
            ),
        ).fetchone()
        self._connection.execute(
            "INSERT INTO durable (run_id, priority, give_up_after) VALUES (?, ?, ?)",
            (row[0], self._order.priority, self._order.give_up_after),
        )
        return int(row[0])


def pause(home: Home, number: int) -> None:
    """Send no more of a durable run until it is resumed. Raises `StoreError`, as those below do."""
    with _changing(home, number, ("running",), "paused") as connection:
        _set_state(connection, number, "paused")


def cancel(home: Home, number: int) -> int:
    """Send no more of a durable run but what a worker has begun; returns how many mails that concerns."""
    with _changing(home, number, ("running", "paused"), "cancelled") as connection:
        _set_state(connection, number, "cancelled")
        return cancel_waiting(connection, number, Cipher(home.folder))


def resume(home: Home, number: int) -> int:
    """Go on with a run that was paused or cancelled; returns how many mails are yet to be sent.

    What it had to wait for, `not_before` or the time of another try, it still waits for.
    """
    with _changing(home, number, ("paused", "cancelled"), "resumed") as connection:
        connection.execute(
            # A build before took these rows away when a run was cancelled.
            "INSERT INTO due (run_id, position, due_time, tries, holder)"
            " SELECT run_id, position, ?, 0, '' FROM mail WHERE run_id = ? AND state = 'cancelled' AND NOT EXISTS"
            " (SELECT 1 FROM due WHERE due.run_id = mail.run_id AND due.position = mail.position)",
            (database_timestamp(connection), number),
        )
        connection.execute(
            "UPDATE mail SET state = 'waiting', finished_at = '' WHERE run_id = ? AND state = 'cancelled'",
            (number,),
        )
        connection.execute(
            "UPDATE run SET state = 'running', status = '', end_time = '', kept_since = '' WHERE id = ?",
            (number,),
        )
        _let_workers_know(connection, number)
        return int(connection.execute("SELECT count(*) FROM due WHERE run_id = ?", (number,)).fetchone()[0])


def cancel_waiting(connection: Connection, number: int, cipher: Cipher) -> int:
    """Settle what a cancelled run has that no worker holds, in the connection's transaction; returns how many mails.

    What some of its recipients have already is partly sent: nobody may take it for a mail that was not sent. When the
    others were due stays written down, for a run that is resumed.
    """
    now = timestamp()
    free = "state = 'waiting' AND position IN (SELECT position FROM due WHERE run_id = ? AND holder = '')"
    tried = connection.execute(
        f"SELECT position, result FROM mail WHERE run_id = ? AND {free} AND attempts > 0 AND result IS NOT NULL",  # noqa: S608 - ours
        (number, number),
    ).fetchall()
    partly = [
        (now, number, position)
        for position, result in tried
        if retry.came_to_some(cipher.decrypt(result, f"Mail {position} of run {number}"))
    ]
    connection.executemany(
        "UPDATE mail SET state = 'partly sent', finished_at = ? WHERE run_id = ? AND position = ?", partly
    )
    connection.executemany("DELETE FROM due WHERE run_id = ? AND position = ?", [mail for _, *mail in partly])
    cancelled = connection.execute(
        f"UPDATE mail SET state = 'cancelled', finished_at = ? WHERE run_id = ? AND {free}",  # noqa: S608 - ours
        (now, number, number),
    ).rowcount
    return len(partly) + cancelled


def _let_workers_know(connection: Connection, number: int) -> None:
    """Let there be a job for a run whose mails are due, in the connection's transaction; on SQLite its worker looks."""
    if files.is_server():
        from host.local import jobs

        jobs.defer_next(connection, number)


@contextmanager
def _changing(home: Home, number: int, states: tuple[str, ...], what: str) -> Iterator[Connection]:
    """A transaction on a durable run that is in one of these states. Raises `StoreError` where it isn't."""
    with closing(database.connect(home.folder)) as connection, faults_named(home.folder / DATABASE):
        flushing(connection, full=True)
        with transaction(connection):
            take_turn(connection, number)
            row = connection.execute(
                "SELECT state FROM run JOIN durable ON durable.run_id = run.id WHERE id = ?", (number,)
            ).fetchone()
            if row is None:
                raise StoreError(f"There is no submitted run {number}.")
            if row[0] not in states:
                raise StoreError(f"Run {number} is {row[0]}: it can't be {what}. Nothing was changed.")
            yield connection


def _set_state(connection: Connection, number: int, state: str) -> None:
    now = timestamp()
    ended = (now, now) if state == "cancelled" else ("", "")
    connection.execute(
        "UPDATE run SET state = ?, status = ?, end_time = ?, kept_since = ? WHERE id = ?",
        (state, "failed" if state == "cancelled" else "", *ended, number),
    )
