"""Runs that are under way in this process: each in a thread of its own, told step by step to whoever looks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from actions.contract import HostError
from auth.settings import MakeRedirect
from delivery.pool import Pool
from host.local.home import Home
from host.local.inputs import InputError
from host.local.people.stories import Stories
from host.local.results import Document
from host.local.run import LocalRun, Request
from smtp.transcript import Transcript

MOST_KEPT = 200
"""Ended runs whose events are still in memory."""
MOST_EVENTS = 2000
MOST_TRANSCRIPTS = 20
_BEGINS_WITHIN = 60.0
"""Seconds until a run is in the ledger; longer only where something else holds the database."""

Event = dict[str, Any]


class LiveRun:
    """One run, and what was told of it so far: a `host.local.context.Watcher`.

    An event has `kind` (progress, finished, ended), `ms` since the run began, and its text.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.events: list[Event] = []
        self.transcripts: list[str] = []
        self.sent_octets: tuple[int, int] = (0, 0)
        self.result: Document | None = None
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._began = time.monotonic()
        self._run: LocalRun | None = None

    @property
    def number(self) -> int:
        return self._run.number if self._run is not None else 0

    def cancel(self) -> None:
        """Ask it to stop as soon as that can be done with the truth about what was sent."""
        if self._run is not None:
            self._run.cancel()

    def start(self, home: Home, pool: Pool, stories: Stories, redirect: MakeRedirect | None) -> None:
        """Begin, and return once the run has its number. Raises what keeps it from beginning: nothing was sent."""
        self._run = LocalRun(self.request, home, self, pool, redirect)
        threading.Thread(target=self._perform, args=(self._run, stories), name="run").start()
        until = time.monotonic() + _BEGINS_WITHIN
        while not self._run.wait_for_number(0.05):
            if self.ended.is_set() and not self._run.number:
                raise self.error or InputError("The run ended before it began.")
            if time.monotonic() > until:
                self._run.cancel()
                raise InputError("The run could not be recorded within a minute; it was stopped.")

    def _perform(self, run: LocalRun, stories: Stories) -> None:
        try:
            self.result = run.perform()
        except HostError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a thread has nobody to tell but the page
            self.error = InputError(f"The run ended unexpectedly ({type(error).__name__}).")
        finally:
            message = str(self.error) if self.error is not None else (self.result or {}).get("message", "")
            self._tell("ended", message, status=(self.result or {}).get("status", "failed"))
            if run.number:
                self._keep(stories, run.number)
            self.ended.set()

    def _keep(self, stories: Stories, number: int) -> None:
        try:
            stories.keep(number, self.told)
        except HostError as error:
            self._tell("progress", f"The steps of this run could not be kept. {error}")

    @property
    def told(self) -> dict[str, Any]:
        """What can be kept of it."""
        return {"events": list(self.events), "transcripts": list(self.transcripts)}

    def progress(self, text: str) -> None:
        self._tell("progress", text)

    def sent(self, octets: int, size: int) -> None:
        self.sent_octets = (octets, size)

    def session_ended(self, transcript: Transcript) -> None:
        if len(self.transcripts) < MOST_TRANSCRIPTS:
            self.transcripts.append(str(transcript))

    def finished(self, success: bool, message: str) -> None:
        self._tell("finished", message, success=success)

    def _tell(self, kind: str, text: str, **more: Any) -> None:
        if len(self.events) < MOST_EVENTS or kind == "ended":
            ms = round((time.monotonic() - self._began) * 1000)
            self.events.append({"kind": kind, "ms": ms, "text": text, **more})


class LiveRuns:
    """The runs of this process. Used by several threads at once."""

    def __init__(self, home: Home, pool: Pool, stories: Stories) -> None:
        self._home = home
        self._pool = pool
        self._stories = stories
        self._lock = threading.Lock()
        self._runs: OrderedDict[int, LiveRun] = OrderedDict()
        self._is_closing = False

    def start(self, request: Request, redirect: MakeRedirect | None = None) -> LiveRun:
        """Begin a run; it has its number. Raises `InputError`, `StoreError`: nothing was sent."""
        if self._is_closing:
            raise InputError("The console is being stopped; nothing was begun.")
        live = LiveRun(request)
        live.start(self._home, self._pool, self._stories, redirect)
        with self._lock:
            self._runs[live.number] = live
            for number in [n for n, run in self._runs.items() if run.ended.is_set()][:-MOST_KEPT]:
                del self._runs[number]
        return live

    def get(self, number: int) -> LiveRun | None:
        """The run of that number, if it is or was one of this process."""
        with self._lock:
            return self._runs.get(number)

    def told(self, number: int) -> Mapping[str, Any]:
        """What was told of a run, now or before a restart."""
        live = self.get(number)
        return live.told if live is not None else self._stories.get(number)

    def close(self, seconds: float, tell: Callable[[str], None]) -> None:
        """Stop what is under way with the truth about it, and wait so long for that."""
        self._is_closing = True
        with self._lock:
            under_way = [run for run in self._runs.values() if not run.ended.is_set()]
        if under_way:
            tell(f"Stopping {len(under_way)} run{'s' * (len(under_way) > 1)} that are under way.")
        for run in under_way:
            run.cancel()
        until = time.monotonic() + seconds
        for run in under_way:
            run.ended.wait(max(0.0, until - time.monotonic()))
