"""The messages of a run whose turn it is: see `delivery.pace`.

A message that has to wait holds up nothing that is in flight: its session deals with the answers that are due first.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

from delivery.access import Access
from delivery.attempt import Attempt
from delivery.errors import NoTurn
from delivery.pace import Pace
from smtp.errors import MailError

PATIENCE = 60.0
"""Seconds that a message waits for its turn."""
_LOOK_AGAIN = 0.2


class Source(Protocol):
    """Where a session gets its attempts from."""

    def take(self, *, may_wait: bool) -> Attempt | None:
        """The next attempt; None when there is none, or none yet and the caller has something else to do."""

    def put_back(self, attempt: Attempt) -> None:
        """Let another session have an attempt that was taken and not begun."""


class Paced:
    """Attempts whose turn it is. One whose turn doesn't come has ended with `NoTurn`."""

    def __init__(self, source: Source, access: Access, pace: Pace) -> None:
        self._source = source
        self._access = access
        self._pace = pace
        self._pause = threading.Event()

    def take(self, *, may_wait: bool) -> Attempt | None:
        attempt = self._source.take(may_wait=may_wait)
        if attempt is None or attempt.has_ended or attempt.has_turn:
            return attempt
        try:
            if self._has_turn(attempt, may_wait=may_wait):
                return attempt
        except MailError as error:
            attempt.error = error
            return attempt
        self._source.put_back(attempt)
        return None

    def put_back(self, attempt: Attempt) -> None:
        self._source.put_back(attempt)

    def _has_turn(self, attempt: Attempt, *, may_wait: bool) -> bool:
        """Wait for the turn, if that may be. Raises `NoTurn`, `Cancelled`, and what `Pace` does."""
        assert attempt.outgoing is not None  # noqa: S101 - what could not be prepared has ended
        asset, count = self._access.asset, len(attempt.outgoing.recipients)
        deadline, told = time.monotonic() + PATIENCE, False
        while (wait := self._pace.turn(asset, count)) is not None:
            if wait.seconds is None or time.monotonic() + wait.seconds > deadline or self._pace.is_over():
                raise NoTurn(wait.reason, wait.seconds)
            if not may_wait:
                return False
            if not told:
                told = True
                self._access.observer.progress(f"Waiting for {wait.seconds:.0f} s: {wait.reason}.")
            self._access.raise_if_cancelled()
            self._pause.wait(min(wait.seconds, _LOOK_AGAIN))
        attempt.has_turn = True
        return True
