"""Whether a worker is well, over HTTP: `/healthz` for whoever restarts it, `/metrics` for Prometheus."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from host.local import database
from host.local.files import DATABASE, StoreError, as_time, reason
from host.local.home import Home
from host.local.inputs import InputError
from host.local.sql import database_timestamp, faults_named
from host.local.worker import Worker

SILENT_SECONDS = 60.0
"""A worker that has not looked for work for so long is not well."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that goes away: it would leave a traceback in the log."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def health_of(worker: Worker, home: Home, address: str) -> Iterator[int]:
    """Answer on `HOST:PORT` as long as this lasts; gives the port. Raises `InputError` where that can't be."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise InputError(f"{address!r:.80} is not HOST:PORT, such as 127.0.0.1:8081.")

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a client to say what it wants

        def do_GET(self) -> None:
            answers: dict[str, Callable[[], tuple[int, str, str]]] = {
                "/healthz": lambda: healthz(worker),
                "/metrics": lambda: metrics(worker, home),
            }
            answer = answers.get(self.path.partition("?")[0], lambda: (404, "text/plain", "Not found\n"))
            code, kind, text = answer()
            octets = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def version_string(self) -> str:
            return "smtp-connector"

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads that somebody asked."""

    try:
        server = _Server((host.strip("[]"), int(port)), Handler)
    except OSError as error:
        raise InputError(f"{address} can't be listened on: {reason(error)}.") from error
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def healthz(worker: Worker) -> tuple[int, str, str]:
    """Status, content type and text: 503 where the worker can't use its database, or looks for work no more."""
    health = worker.health
    silent = time.monotonic() - health.looked
    is_well = not health.fault and silent < SILENT_SECONDS
    told = {
        "status": ("working" if health.is_working else "standing by") if is_well else "failing",
        "fault": health.fault or ("" if is_well else f"it has not looked for work for {silent:.0f} s"),
    }
    return 200 if is_well else 503, "application/json", json.dumps(told) + "\n"


def metrics(worker: Worker, home: Home) -> tuple[int, str, str]:
    """The same in Prometheus' text format, with what is in the database."""
    lines = [
        "# HELP smtp_connector_worker_working 1 while this worker works, 0 while it stands by.",
        "# TYPE smtp_connector_worker_working gauge",
        f"smtp_connector_worker_working {int(worker.health.is_working)}",
        "# HELP smtp_connector_mails_total Mails that this worker dealt with, by what became of them.",
        "# TYPE smtp_connector_mails_total counter",
    ]
    with worker.counted.lock:
        counted = sorted(worker.counted.by_state.items())
    lines += [f'smtp_connector_mails_total{{outcome="{state}"}} {count}' for state, count in counted]
    try:
        lines += _of_the_database(home)
    except StoreError as error:
        return 503, "text/plain", f"{error}\n"
    return 200, _TEXT, "\n".join(lines) + "\n"


def _of_the_database(home: Home) -> Iterator[str]:
    with closing(database.connect(home.folder)) as connection, faults_named(home.folder / DATABASE):
        now = database_timestamp(connection)
        waiting, due, oldest = connection.execute(
            "SELECT count(*), sum(CASE WHEN due_time <= ? AND due.holder = '' THEN 1 ELSE 0 END),"
            " min(CASE WHEN due.holder = '' THEN due_time END)"
            " FROM due JOIN run ON run.id = due.run_id WHERE run.state = 'running'",
            (now,),
        ).fetchone()
        runs = connection.execute(
            "SELECT state, count(*) FROM run JOIN durable ON durable.run_id = run.id GROUP BY state"
        ).fetchall()
        late = max((as_time(now) - as_time(oldest)).total_seconds(), 0.0) if oldest else 0.0
        (unknown,) = connection.execute("SELECT count(*) FROM mail WHERE state = 'unknown'").fetchone()
    yield "# HELP smtp_connector_mails_waiting Mails of running durable runs that have not ended."
    yield "# TYPE smtp_connector_mails_waiting gauge"
    yield f"smtp_connector_mails_waiting {waiting}"
    yield "# HELP smtp_connector_mails_due Those of them that could be sent now."
    yield "# TYPE smtp_connector_mails_due gauge"
    yield f"smtp_connector_mails_due {due or 0}"
    yield "# HELP smtp_connector_oldest_due_seconds For how long the oldest of them has been due."
    yield "# TYPE smtp_connector_oldest_due_seconds gauge"
    yield f"smtp_connector_oldest_due_seconds {late:.1f}"
    yield "# HELP smtp_connector_mails_unknown Mails that a person has to decide about."
    yield "# TYPE smtp_connector_mails_unknown gauge"
    yield f"smtp_connector_mails_unknown {unknown}"
    yield "# HELP smtp_connector_runs Durable runs, by state."
    yield "# TYPE smtp_connector_runs gauge"
    for state, count in runs:
        yield f'smtp_connector_runs{{state="{state}"}} {count}'
