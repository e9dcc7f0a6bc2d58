"""How fast an account may send, whoever keeps count of it: the generic cell rate algorithm.

One number is kept for each account: the time at which it would be idle if every message took its share of the minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from delivery.asset import Asset
from delivery.attempt import Attempt

AT_ONCE = 6
"""This part of a minute's messages may leave at once."""
HOURS = 24
"""So many hours are a day's: recipients are counted by the hour."""
HOUR = 3600


class Wait(NamedTuple):
    """For how many seconds a message has to wait, and what for. None: that turn will never come."""

    seconds: float | None
    reason: str


class Pace(Protocol):
    """Who keeps an account's limits. Called by several threads at once."""

    def turn(self, asset: Asset, recipients: int) -> Wait | None:
        """Let a message to so many recipients leave now (None), or say how long it has to wait. Raises `MailError`."""

    def ended(self, asset: Asset, attempt: Attempt) -> None:
        """Learn from what became of a message: a server that says that it was too many at once slows all down."""

    def is_over(self) -> bool:
        """Whether it is of no use to wait any more."""


class Turn(NamedTuple):
    """Whether a message may leave: `seconds` to wait for first, and when the account is idle once it has left."""

    seconds: float
    idle: float


def next_turn(idle: float, now: float, messages_per_minute: int | None) -> Turn:
    """The turn of one more message of an account that is idle at `idle`; both in seconds, None: no limit."""
    if not messages_per_minute:
        return Turn(0.0, idle)
    share = 60 / messages_per_minute
    idle = max(idle, now)
    ahead = (max(messages_per_minute // AT_ONCE, 1) - 1) * share
    seconds = idle - now - ahead
    return Turn(seconds if seconds > 1e-6 else 0.0, idle + share)


def room_in_the_day(
    by_hour: Sequence[tuple[int, int]], recipients: int, most: int, now: float
) -> Wait | None:
    """Whether a message to so many recipients may leave (None), where an account may send to `most` in 24 hours.

    `by_hour` has how many were sent to in each of the last hours of the epoch, the oldest first; `now` is in seconds.
    """
    reason = f"the account may send to {most} recipients in 24 hours"
    if recipients > most:
        return Wait(None, f"{reason}, and the message has {recipients}")
    excess = sum(count for _, count in by_hour) + recipients - most
    for spent_in, count in by_hour:
        if excess <= 0:
            break
        excess -= count
        if excess <= 0:  # when that hour is a day ago there is room
            return Wait((spent_in + HOURS) * HOUR - now, reason)
    return None


class RunPace:
    """The pace of one run alone, where nobody keeps count of others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = 0.0

    def turn(self, asset: Asset, recipients: int) -> Wait | None:  # noqa: ARG002 - the port's signature
        """As `Pace.turn`; recipients of a day are not counted."""
        with self._lock:
            turn = next_turn(self._idle, time.monotonic(), asset.messages_per_minute)
            if turn.seconds:
                return Wait(
                    turn.seconds, f"the account may send {asset.messages_per_minute} messages a minute"
                )
            self._idle = turn.idle
            return None

    def ended(self, asset: Asset, attempt: Attempt) -> None:
        """Nothing: the run goes on as it is asked to."""

    def is_over(self) -> bool:
        return False
