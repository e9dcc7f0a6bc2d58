"""Who sends the mails of durable runs: one worker of a data folder at a time, others stand by.

It looks for runs with mails that are due, the highest priority first, and works on one run of each mailbox at a time,
so many mailboxes at once as it may. What it does with a run's mails is in `host.local.work`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from delivery.asset import Asset
from delivery.pool import Pool
from host.local import database, files, holders, inputs, locks
from host.local.durable import cancel_waiting
from host.local.files import DATABASE, Cipher, StoreError, private_folder, reason, seconds_since, timestamp
from host.local.home import Home
from host.local.inputs import InputError
from host.local.ledger import Heading
from host.local.limits import DatabasePace
from host.local.locks import Held, MachineSlots, Reserved
from host.local.relayed import action_named, run_of
from host.local.retry import Patience
from host.local.run import LocalContext, Unwatched, read_asset
from host.local.sql import Connection, database_timestamp, faults_named, flushing, transaction
from host.local.work import DurableRun, Work, unusable
from host.local.writer import Counted
from host.manifest.model import UnknownAction, load
from smtp.errors import MailError

LOCK = "worker.lock"
CONCURRENCY = 4
"""Mailboxes that are worked on at the same time."""
LOOK_AGAIN = 0.5
"""Seconds between two looks for what is due."""


@dataclass(slots=True)
class Health:
    """How a worker is. Times are of `time.monotonic`."""

    is_working: bool = False
    """It has the data folder; else it stands by."""
    looked: float = 0.0
    """When it last looked for what is due."""
    fault: str = ""
    """Why it can't."""


class Worker:
    """Sends what is due. `tell` is given a line for whoever watches. Not for several threads, but for `stop`."""

    def __init__(
        self,
        home: Home,
        pool: Pool,
        tell: Callable[[str], None],
        *,
        concurrency: int = CONCURRENCY,
        patience: Patience | None = None,
    ) -> None:
        self._home = home
        self._pool = pool
        self._tell = tell
        self._concurrency = concurrency
        self._patience = patience or Patience()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._busy: dict[str, threading.Thread] = {}
        """The thread that works on each mailbox, by the asset's id."""
        self.health = Health()
        self.counted = Counted()

    def stop(self) -> None:
        """Begin no more mails, and end when those in flight have; may be called from a signal handler."""
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """Look for what is due at once; for any thread."""
        self._woken.set()

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Work until `stop`, or until `is_over` says so between two looks. Raises `StoreError` at the start only."""
        lock = self._take_over(is_over)
        if lock is None:
            return
        try:
            self.health.is_working = True
            while not self._stopping.is_set() and not is_over():
                self._look_safely()
                self._woken.wait(LOOK_AGAIN)
                self._woken.clear()
        finally:
            self._stopping.set()
            for thread in list(self._busy.values()):
                thread.join()
            self.health.is_working = False
            lock.free()
        self._look_safely()  # a run whose last mail was just sent has ended

    def _take_over(self, is_over: Callable[[], bool]) -> Held | None:
        """Wait until no other process works on the data folder; None when that is of no use any more."""
        database.connect(self._home.folder).close()
        if files.is_server():
            return locks.hold(self._home.folder)  # there may be many: each claims what it works on
        path = private_folder(self._home.folder) / LOCK
        told = False
        while not self._stopping.is_set() and not is_over():
            try:
                lock = locks.take(path)
            except OSError as error:
                raise StoreError(f"{path} can't be locked: {reason(error)}.") from error
            if lock is not None:
                return lock
            if not told:
                told = True
                self._tell("Another worker works on this data folder; standing by.")
            self.health.looked = time.monotonic()
            self._woken.wait(LOOK_AGAIN)
            self._woken.clear()
        return None

    def _look_safely(self) -> None:
        """A database that can't be used for a while, a full disk for example, is no reason to end."""
        try:
            with (
                closing(database.connect(self._home.folder)) as connection,
                faults_named(self._home.folder / DATABASE),
            ):
                self._look(connection)
        except StoreError as error:
            if str(error) != self.health.fault:
                self._tell(str(error))
            self.health.fault = str(error)
        else:
            self.health.fault = ""
            self.health.looked = time.monotonic()

    def _look(self, connection: Connection) -> None:
        for mailbox, thread in list(self._busy.items()):
            if not thread.is_alive():
                del self._busy[mailbox]
        settle_gone(connection, self._home)
        end_what_is_done(connection, self._home)
        if self._stopping.is_set():
            return
        for run in due_runs(connection):
            if len(self._busy) >= self._concurrency:
                return
            if run.asset_id not in self._busy:
                thread = threading.Thread(target=self._work, args=(run,), name=f"run {run.id}", daemon=True)
                self._busy[run.asset_id] = thread
                thread.start()

    def _work(self, run: DurableRun) -> None:
        try:
            handed_out = work_on(
                run,
                self._home,
                self._pool,
                self._tell,
                self.counted,
                self._patience,
                self._stopping.is_set,
            )
            if not handed_out:  # others go first
                self._stopping.wait(LOOK_AGAIN)
        except StoreError as error:
            self._tell(f"Run {run.id}: {error}")
            self._stopping.wait(LOOK_AGAIN)  # not at once again
        finally:
            self._woken.set()


def work_on(
    run: DurableRun,
    home: Home,
    pool: Pool,
    tell: Callable[[str], None],
    counted: Counted,
    patience: Patience,
    stopped: Callable[[], bool],
) -> int:
    """Send those mails of a run that are due, until the worker is stopped or others go first; returns how many.

    Raises `StoreError`.
    """
    holder = locks.hold(home.folder)
    try:
        with closing(database.connect(home.folder)) as connection:
            slots = MachineSlots(home.folder)
            asset: Asset | None = None

            def is_over(connection: Connection) -> bool:
                if stopped() or is_put_off(connection, run):
                    return True
                return asset is not None and slots.is_wanted(asset)

            try:
                asset = _asset(run, home)
            except MailError as error:
                tell(f"Run {run.id}: {error.text}")
                nothing = Work(connection, home.folder, run, None, holder.path.name, patience, tell, counted)
                nothing.refuse(error, is_over)
                return nothing.handed_out
            work = Work(connection, home.folder, run, asset, holder.path.name, patience, tell, counted)
            if (first := slots.take(asset)) is None:
                return 0
            with closing(Reserved(slots, first)) as reserved:
                pace = DatabasePace(home.folder, is_urgent=False, is_over=stopped)
                heading = Heading(run.action, run.asset_name, run.asset_id, run.container_id)
                context = LocalContext(asset, heading, home, Unwatched(), journal=work, pace=pace)
                context.slots = reserved
                try:
                    action_run = run_of(action_named(run.action), context, pool)
                except (MailError, UnknownAction) as error:
                    work.refuse(unusable(str(error)), is_over)
                    return work.handed_out
                with closing(action_run):
                    for _report in action_run.each(work.parameter_sets(is_over)):
                        pass  # it is written down
            return work.handed_out
    finally:
        holder.free(remove=True)


def _asset(run: DurableRun, home: Home) -> Asset:
    """The account as it is stored now. Raises `MailError` for one that can't be used."""
    try:
        given = inputs.stored_asset(run.asset_name, home)
        if given.id != run.asset_id:
            raise unusable(f"The asset {run.asset_name} is another one than the run was submitted for.")
        return read_asset(given, load())
    except (InputError, StoreError) as error:
        raise unusable(str(error)) from error


def due_runs(connection: Connection) -> list[DurableRun]:
    """Of each mailbox the most urgent run with mails that are due and nobody has, the most urgent first."""
    rows = connection.execute(
        "SELECT id, action, asset, asset_id, container_id, priority, give_up_after, start_time FROM run"
        " JOIN durable ON durable.run_id = run.id WHERE state = 'running' AND EXISTS"
        " (SELECT 1 FROM due WHERE due.run_id = run.id AND holder = '' AND due_time <= ?)"
        " ORDER BY priority DESC, id",
        (database_timestamp(connection),),
    ).fetchall()
    first: dict[str, DurableRun] = {}
    for number, action, asset, asset_id, container_id, priority, give_up_after, start_time in rows:
        if asset_id not in first:
            age = seconds_since(start_time)
            first[asset_id] = DurableRun(
                number, action, asset, asset_id, container_id, priority, give_up_after, age
            )
    return list(first.values())


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


def settle_gone(connection: Connection, home: Home) -> None:
    """Settle what workers had that are gone."""
    held = connection.execute("SELECT DISTINCT holder FROM due WHERE holder != ''").fetchall()
    for (holder,) in held:
        if not locks.is_alive(home.folder, holder):
            flushing(connection, full=True)
            with transaction(connection):
                holders.settle_work(connection, holder)


def end_what_is_done(connection: Connection, home: Home) -> None:
    """End the durable runs of which nothing is left to be done."""
    cancelled = connection.execute(
        "SELECT id FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'cancelled'"
        " AND EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id AND holder = '')"
    ).fetchall()
    for (number,) in cancelled:  # a worker has given back what it had not begun
        with transaction(connection):
            cancel_waiting(connection, number)
    done = connection.execute(
        "SELECT id FROM run JOIN durable ON durable.run_id = run.id WHERE state = 'running'"
        " AND NOT EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id)"
    ).fetchall()
    for (number,) in done:
        with transaction(connection):
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
