"""Who sends the mails of durable runs: one worker of a data folder at a time, or many on PostgreSQL.

On a data folder the others stand by, and one takes over when the first ends. The worker looks for runs with mails that
are due, the highest priority first, and works on one run of each mailbox at a time, on as many mailboxes at once as it
may. With PostgreSQL it is given batches of a run (`host.local.jobs`). What it does with a run's mails is in
`host.local.work`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from delivery.asset import Asset
from delivery.pool import Pool
from host.local import database, files, gone, inputs, locks
from host.local.due import due_runs, durable_run, end_what_is_done, gives_way, is_put_off
from host.local.files import DATABASE, StoreError, private_folder, reason
from host.local.home import Home
from host.local.inputs import InputError
from host.local.ledger import Heading
from host.local.limits import DatabasePace
from host.local.locks import Held, MachineSlots, Reserved
from host.local.relayed import action_named, run_of
from host.local.retry import Patience
from host.local.run import LocalContext, Unwatched, read_asset
from host.local.sql import Connection, faults_named, transaction
from host.local.work import DurableRun, Work, unusable
from host.local.writer import Counted
from host.manifest.model import UnknownAction, load
from host.unforeseen import unforeseen
from smtp.errors import MailError

if TYPE_CHECKING:
    from host.local.job_worker import JobWorker
    from host.local.jobs import Batch

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
        # An event has a lock, for which a signal's handler could wait amid the `wait` that it interrupts, for ever.
        self._is_stopping = False
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._busy: dict[str, threading.Thread] = {}
        """The thread that works on each mailbox, by the asset's id; with PostgreSQL they are the job worker's."""
        self._jobs: JobWorker | None = None
        self.health = Health()
        self.counted = Counted()

    def stop(self) -> None:
        """Begin no more mails, and end when those in flight have; may be called from a signal handler."""
        self._is_stopping = True
        self.wake()

    def wake(self) -> None:
        """Look for what is due at once; for any thread."""
        self._woken.put(None)

    def _rest(self) -> None:
        """Until it is time to look again, or the worker is woken."""
        with suppress(Empty):
            self._woken.get(timeout=LOOK_AGAIN)
            while True:
                self._woken.get_nowait()  # one look does for all who asked for it

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Work until `stop`, or until `is_over` says so between two looks. Raises `StoreError` at the start only."""
        with ExitStack() as stack:
            if files.is_server():
                database.connect(self._home.folder).close()
                from host.local.job_worker import JobWorker

                self._jobs = JobWorker(self._home.folder, self._concurrency, self._work_on_batch, self._tell)
                stack.enter_context(self._jobs)
            elif (lock := self._take_over(is_over)) is not None:
                stack.callback(lock.free)
            else:
                return
            try:
                self.health.is_working = True
                while not self._is_stopping and not is_over():
                    self._look_safely()
                    self._rest()
            finally:
                self._is_stopping = True
                for thread in list(self._busy.values()):
                    thread.join()
                self.health.is_working = False
        self._look_safely()  # a run whose last mail was just sent has ended

    def _take_over(self, is_over: Callable[[], bool]) -> Held | None:
        """Wait until no other process works on the data folder; None when that is of no use any more."""
        database.connect(self._home.folder).close()
        path = private_folder(self._home.folder) / LOCK
        told = False
        while not self._is_stopping and not is_over():
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
            self._rest()
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
            self.health.fault = self._jobs.fault if self._jobs is not None else ""
            self.health.looked = time.monotonic()

    def _look(self, connection: Connection) -> None:
        for mailbox, thread in list(self._busy.items()):
            if not thread.is_alive():
                del self._busy[mailbox]
        gone.settle(connection, self._home.folder)
        end_what_is_done(connection, self._home)
        if self._is_stopping or files.is_server():
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
            if not self._work_on(run, locks.hold(self._home.folder)):  # others go first
                time.sleep(LOOK_AGAIN)
        except Exception as error:  # noqa: BLE001 - the thread would end with a traceback, again and again
            self._tell_fault(run.id, error)
            time.sleep(LOOK_AGAIN)  # not at once again
        finally:
            self.wake()

    def _work_on_batch(self, job: int, batch: Batch) -> None:
        """Do a job. What is left of its run is deferred again: where nothing could be sent, for a little later."""
        from host.local import jobs, postgres

        try:
            with closing(database.connect(self._home.folder)) as connection:
                run = durable_run(connection, batch.run_id)
                if run is None or (holder := postgres.take(jobs.holder_of(job))) is None:
                    return  # it was paused, cancelled or has ended
                run = replace(run, first=batch.first, last=batch.last)
                handed_out = self._work_on(run, holder)
                with transaction(connection):
                    jobs.defer_next(connection, run.id, later=0.0 if handed_out else LOOK_AGAIN)
        except Exception as error:  # noqa: BLE001 - Procrastinate would keep it to itself
            self._tell_fault(batch.run_id, error)
        finally:
            self.wake()

    def _tell_fault(self, run_id: int, error: Exception) -> None:
        self._tell(f"Run {run_id}: {error if isinstance(error, StoreError) else unforeseen(error)}")

    def _work_on(self, run: DurableRun, holder: Held) -> int:
        return work_on(
            run,
            holder,
            self._home,
            self._pool,
            self._tell,
            self.counted,
            self._patience,
            lambda: self._is_stopping,
        )


def work_on(
    run: DurableRun,
    holder: Held,
    home: Home,
    pool: Pool,
    tell: Callable[[str], None],
    counted: Counted,
    patience: Patience,
    stopped: Callable[[], bool],
) -> int:
    """Send those mails of a run that are due, until the worker is stopped or others go first; returns how many.

    `holder` has them meanwhile, and is freed. Raises `StoreError`.
    """
    try:
        with closing(database.connect(home.folder)) as connection:
            slots = MachineSlots(home.folder)
            asset: Asset | None = None
            began = time.monotonic()

            def is_over(connection: Connection) -> bool:
                if stopped() or is_put_off(connection, run) or gives_way(connection, run, began):
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
