"""Several sessions at work on one run, each in a thread of its own. The theory is in `delivery.window`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from delivery.attempt import Attempt, Source
from delivery.observer import Observer
from delivery.pool import LOOK_AGAIN, Pool
from delivery.transport import Access, Transport

WAITING = 4
"""Attempts for each connection that may be taken and not told."""


class Sending(Protocol):
    """What sends attempts over one session at a time (`delivery.window.OneSession`)."""

    transport: Transport
    observer: Observer

    def deliver(self, source: Source) -> Iterator[Attempt]: ...


class SideBySide:
    """Several sessions at work on one run. The caller's thread takes attempts and tells them.

    Nobody is woken who has nothing to do: one attempt wakes one session, and the caller's thread sleeps until the
    attempt that it has to tell next has ended.
    """

    def __init__(self, alone: Sending, beside: Sequence[Sending]) -> None:
        self._alone = alone
        self._others = beside
        self._access = alone.transport.access
        self._pool = alone.transport.pool
        self._lock = threading.Lock()
        self._given = threading.Condition(self._lock)
        """There is an attempt for a session, or it has none to wait for any more."""
        self._ended = threading.Condition(self._lock)
        """What the caller's thread waits for has ended."""
        self._awaited: Attempt | None = None
        self._waiting: deque[Attempt] = deque()
        self._no_more = False
        self._beside = 0
        """How many of the other sessions are at work. Each may yet put back an attempt, for the first one to send."""
        self._mistake: BaseException | None = None

    def deliver(self, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
        """Yield each attempt once it has ended, in order."""
        taken: deque[Attempt] = deque()
        sessions = (self._alone, *self._others)
        bound = len(sessions) * (WAITING + self._access.asset.window)
        workers = [
            threading.Thread(target=self._work, args=(session,), name=f"session {number}", daemon=True)
            for number, session in enumerate(sessions, 1)
        ]
        try:
            for worker in workers:
                worker.start()
                with self._lock:
                    self._beside += worker is not workers[0]
            for attempt in attempts:
                taken.append(attempt)
                if not attempt.has_ended:
                    self.put_back(attempt, last=True)
                while taken and (taken[0].has_ended or len(taken) >= bound):
                    self._wait_for(taken[0])
                    yield taken.popleft()
            self._end_the_queue()
            while taken:
                self._wait_for(taken[0])
                yield taken.popleft()
        except KeyboardInterrupt:
            self._access.stop()
            raise
        finally:
            with self._lock:
                self._waiting.clear()
            self._end_the_queue()
            for worker in workers:
                if worker.is_alive():
                    worker.join()

    def take(self, *, may_wait: bool) -> Attempt | None:
        with self._lock:
            while may_wait and not self._waiting and not (self._no_more and self._beside == 0):
                self._given.wait()
            return self._waiting.popleft() if self._waiting else None

    def take_beside(self, *, may_wait: bool) -> Attempt | None:
        """The same for the other sessions, which leave when the queue has ended."""
        with self._lock:
            while may_wait and not self._waiting and not self._no_more:
                self._given.wait()
            return self._waiting.popleft() if self._waiting else None

    def put_back(self, attempt: Attempt, *, last: bool = False) -> None:
        with self._lock:
            if last:
                self._waiting.append(attempt)
            else:
                self._waiting.appendleft(attempt)
            self._given.notify()

    def _work(self, session: Sending) -> None:
        source = self if session is self._alone else _GivingWay(self, self._pool, self._access)
        try:
            for attempt in session.deliver(source):
                self._alone.observer.ended(attempt)
                # It has ended before this is asked, so nobody begins to wait for it now.
                if attempt is self._awaited:
                    with self._lock:
                        self._ended.notify()
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread of the run
            with self._lock:
                self._mistake = exc
                self._ended.notify()
        finally:
            if session is not self._alone:
                with self._lock:
                    self._beside -= 1
                    self._given.notify_all()
                session.transport.close()

    def _wait_for(self, attempt: Attempt) -> None:
        if attempt.has_ended:
            return
        with self._lock:
            self._awaited = attempt
            while not attempt.has_ended and self._mistake is None:
                self._ended.wait(LOOK_AGAIN)
            if not attempt.has_ended and self._mistake is not None:
                raise self._mistake

    def _end_the_queue(self) -> None:
        with self._lock:
            self._no_more = True
            self._given.notify_all()


class _GivingWay:
    """The attempts of a run for a session that another run may want."""

    def __init__(self, source: SideBySide, pool: Pool, access: Access) -> None:
        self._source = source
        self._pool = pool
        self._access = access

    def take(self, *, may_wait: bool) -> Attempt | None:
        slots, asset = self._access.slots, self._access.asset
        if self._pool.is_wanted(asset) or (slots is not None and slots.is_wanted(asset)):
            return None
        return self._source.take_beside(may_wait=may_wait)

    def put_back(self, attempt: Attempt) -> None:
        self._source.put_back(attempt)
