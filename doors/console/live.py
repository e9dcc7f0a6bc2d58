"""Runs that are under way in this process: each in a thread of its own, told step by step to whoever looks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from actions.contract import HostError
from delivery.pool import Pool
from doors.console.asset_sign_in import AssetSignIn
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
    """One run, and what was told of it so far: a `host.local.run.Watcher`.

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
        self.sign_in: AssetSignIn | None = None
        """What the run waits for while a person is to sign in, where browsers come back to the console."""
        self._base = ""
        self._began = time.monotonic()
        self._run: LocalRun | None = None

    @property
    def number(self) -> int:
        return self._run.number if self._run is not None else 0

    def cancel(self) -> None:
        """Ask it to stop as soon as that can be done with the truth about what was sent."""
        if self._run is not None:
            self._run.cancel()

    def start(self, home: Home, pool: Pool, stories: Stories, base: str) -> None:
        """Begin, and return once the run has its number. Raises what keeps it from beginning: nothing was sent.

        A browser that signs in comes back to the console at `base`, or with "" to this machine.
        """
        self._base = base
        self._run = LocalRun(self.request, home, self, pool, self._redirect if base else None)
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

    @contextmanager
    def _redirect(self, state: str, seconds: float) -> Iterator[AssetSignIn]:
        self.sign_in = AssetSignIn(self._base, self.number, state, seconds)
        try:
            yield self.sign_in
        finally:
            self.sign_in = None

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
        self._tell("progress", self.sign_in.told(text) if self.sign_in is not None else text)

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

    def __init__(self, home: Home, pool: Pool, stories: Stories, base: str = "") -> None:
        self._base = base
        self._home = home
        self._pool = pool
        self._stories = stories
        self._lock = threading.Lock()
        self._runs: OrderedDict[int, LiveRun] = OrderedDict()
        self._is_closing = False

    def start(self, request: Request) -> LiveRun:
        """Begin a run; it has its number. Raises `InputError`, `StoreError`: nothing was sent."""
        if self._is_closing:
            raise InputError("The console is being stopped; nothing was begun.")
        live = LiveRun(request)
        live.start(self._home, self._pool, self._stories, self._base)
        with self._lock:
            self._runs[live.number] = live
            for number in [n for n, run in self._runs.items() if run.ended.is_set()][:-MOST_KEPT]:
                del self._runs[number]
        return live

    def get(self, number: int) -> LiveRun | None:
        """The run of that number, if it is or was one of this process."""
        with self._lock:
            return self._runs.get(number)

    def sign_in_of(self, query: str) -> AssetSignIn | None:
        """The sign-in that a provider's answer is for."""
        with self._lock:
            waiting = [run.sign_in for run in self._runs.values()]
        return next((one for one in waiting if one is not None and one.is_of(query)), None)

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
