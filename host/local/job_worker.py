"""Takes jobs from Procrastinate and has them done, in a thread with an event loop of its own.

Procrastinate's worker chooses the jobs, does so many at a time, says that it lives every `HEARTBEAT` seconds, and has
one of all workers look now and then for what has no job. This module gives it to do, and takes over what others had
that are gone. What a job is, and what it means that somebody is gone, is told in `host.local.jobs`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import procrastinate
import psycopg
from procrastinate import exceptions

from host.local import database, jobs, locks, postgres
from host.local.files import StoreError
from host.local.jobs import Batch
from host.local.jobs_schema import SCHEMA
from host.unforeseen import unforeseen

HEARTBEAT = 5.0
SILENT = 30.0
"""Seconds without a heartbeat after which a worker is taken for gone, though its process may be there."""
LOOK_FOR_JOBS = 0.25
"""Seconds between two looks for a job whose time has come; of a new one the database tells."""
LOOK_AROUND = 5.0
"""Seconds between two looks for workers that are gone."""
SWEEP = "* * * * * */10"
"""When it is looked for what is due and has no job: every ten seconds."""
_FIRST = 2**31 - 1
_LOOK_AGAIN = 0.2


class JobWorker:
    """Has jobs done by `do`, which is given a job's number and its batch, and several at a time: `with JobWorker(…)`.

    `do` is called in threads, raises nothing, and ends soon after `stop` was called. `tell` is given a line.
    """

    def __init__(
        self, folder: Path, concurrency: int, do: Callable[[int, Batch], None], tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._concurrency = concurrency
        self._do = do
        self._tell = tell
        self._stopping = threading.Event()
        self._own: set[int] = set()
        """The jobs that are being done here."""
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self.fault = ""
        """Why no jobs can be had."""

    def __enter__(self) -> JobWorker:
        # What Procrastinate and its pool log is told here, in a line.
        for name in ("procrastinate", "psycopg"):
            logging.getLogger(name).addHandler(logging.NullHandler())
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Begin no more jobs, and wait for those that are being done."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        """Work until `stop`; a database that can't be used for a while is no reason to end."""
        while not self._stopping.is_set():
            try:
                asyncio.run(self._work())
            except (exceptions.ConnectorException, psycopg.Error, StoreError) as error:
                self._wait_after(f"No jobs can be had: {postgres.reason(error.__cause__ or error)}.")
            except Exception as error:  # noqa: BLE001 - the thread would end, and the worker seem to be well
                self._wait_after(f"No jobs can be had. {unforeseen(error)}")

    def _wait_after(self, fault: str) -> None:
        """Tell it, once, and let a moment pass."""
        if fault != self.fault:
            self._tell(fault)
        self.fault = fault
        self._stopping.wait(1.0)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(self._concurrency + 2))
        loop.set_exception_handler(self._say_fault)
        app = self._app()
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[jobs.QUEUE],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=LOOK_FOR_JOBS,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=SILENT,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            try:
                await self._look_around(app, worker)
            finally:
                worker.cancel()  # which lets it end what it has begun
                (ended,) = await asyncio.gather(worker, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    def _say_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell what the event loop found wrong by itself, in the background, where nobody waits for it."""
        error = context.get("exception")
        if isinstance(error, exceptions.ConnectorException | psycopg.Error):
            # A job that another worker took over can't be ended any more; a database that is gone is told of above.
            return
        why = unforeseen(error) if isinstance(error, BaseException) else f"{context['message']}."
        self._tell(f"Something that belongs to the jobs went wrong. {why}")

    def _app(self) -> procrastinate.App:
        """Procrastinate with our two tasks."""
        options = postgres.session_options()
        options["options"] += f" -c search_path={SCHEMA}"
        app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=postgres.conninfo(postgres.url()),
                kwargs=options,
                min_size=1,
                max_size=3,
                timeout=10.0,
            )
        )

        @app.task(name=jobs.SEND, queue=jobs.QUEUE, pass_context=True)
        def send(context: procrastinate.JobContext, run_id: int, first: int, last: int) -> None:
            number = context.job.id or 0
            self._own.add(number)
            try:
                self._do(number, Batch(run_id, first, last))
            finally:
                self._own.discard(number)

        @app.periodic(cron=SWEEP)
        @app.task(
            name=jobs.SWEEP, queue=jobs.QUEUE, queueing_lock=jobs.SWEEP, lock=jobs.SWEEP, priority=_FIRST
        )
        def sweep(timestamp: int) -> None:  # noqa: ARG001 - Procrastinate says when it was due
            with closing(database.connect(self._folder)) as connection:
                jobs.defer_what_has_none(connection)

        return app

    async def _look_around(self, app: procrastinate.App, worker: asyncio.Task[None]) -> None:
        """Until it is to stop, or the worker has: take over what others had that are gone."""
        looked = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set() and not worker.done():
            if loop.time() - looked > LOOK_AROUND:
                looked = loop.time()
                silent = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT)
                await asyncio.to_thread(self._take_over, {job.id for job in silent if job.id is not None})
                self.fault = ""
            await asyncio.wait([worker], timeout=_LOOK_AGAIN)

    def _take_over(self, silent: set[int]) -> None:
        """What is done by a worker that is `silent`, and what nobody does any more."""
        with closing(database.connect(self._folder)) as connection:
            for job in sorted(silent - self._own):
                self._tell(f"The worker that has job {job} does not answer: its mails are taken over.")
                postgres.end_sessions_of(jobs.holder_of(job))
                jobs.take_over(connection, jobs.holder_of(job))
            for job in set(jobs.begun_before(connection, SILENT)) - self._own - silent:
                if not locks.is_alive(self._folder, jobs.holder_of(job)):
                    jobs.take_over(connection, jobs.holder_of(job))
