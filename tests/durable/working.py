"""Durable runs in tests: submitted, and worked on in this process until they have ended."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from delivery.pool import Pool
from host.local import database, durable, files
from host.local.durable import Order, Submitted
from host.local.home import Home
from host.local.recorded_runs import RecordedRun
from host.local.retry import Patience
from host.local.rows import rows_of_text
from host.local.sql import transaction
from host.local.worker import Worker
from host.manifest.model import load
from tests.support.running import asset

AT_ONCE = Patience(waits=(0.0, 0.0, 0.0, 0.0))
"""Nothing is waited for between two tries."""
LIMIT = 60.0
"""Seconds in which anything has to happen."""


def mails(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"to": f"r{n}@example.com", "subject": "x", "body": "y", **more} for n in range(count)]


def add_asset(home: Home, server: Any, name: str = "prod", **fields: Any) -> None:
    home.assets.add(name, asset(server, **fields))


def submit(home: Home, sets: Sequence[Any] | str, **order: Any) -> Submitted:
    """Hand over these parameter sets, or this text, for the asset `prod`."""
    text = sets if isinstance(sets, str) else "".join(json.dumps(one) + "\n" for one in sets)
    order = {"action": load().action("send email"), "asset": "prod", **order}
    return durable.submit(Order(**order), rows_of_text(text), home)


def number_of(submitted: Submitted) -> int:
    assert submitted.run_id is not None
    return submitted.run_id


def worked(
    home: Home, submitted: Submitted, patience: Patience = AT_ONCE, *, hurries: bool = True
) -> RecordedRun:
    """Work until this run has ended, without waiting for the time of another try."""
    number, deadline = number_of(submitted), time.monotonic() + LIMIT

    def is_over() -> bool:
        assert time.monotonic() < deadline, home.runs.get(number)
        if hurries:
            let_time_pass(home)
        return home.runs.state_of(number) in ("ended", "cancelled")

    Worker(home, Pool(), lambda _text: None, patience=patience).run(is_over)
    return home.runs.get(number)


def let_time_pass(home: Home) -> None:
    """What waits for its next try is due now; what was not to begin before the year 2999 still is not."""
    with closing(database.connect(home.folder)) as connection, transaction(connection):
        connection.execute("UPDATE due SET due_time = '2000' WHERE holder = '' AND due_time < '2999'")
    if files.is_server():
        from host.local import jobs

        with closing(database.connect(home.folder)) as connection:
            jobs.defer_what_has_none(connection)  # a job of a minute later is one of now


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Working:
    """A worker in a thread of its own, as long as the `with` lasts."""

    def __init__(self, home: Home, patience: Patience = AT_ONCE) -> None:
        self.told: list[str] = []
        self.worker = Worker(home, Pool(), self.told.append, patience=patience)
        self._thread = threading.Thread(target=self.worker.run)

    def __enter__(self) -> Working:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.worker.stop()
        self._thread.join()


def rows_in(home: Home, statement: str) -> list[Any]:
    """As another process would find them."""
    with closing(database.connect(home.folder)) as connection:
        return connection.execute(statement).fetchall()
