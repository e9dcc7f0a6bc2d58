"""How many mails a minute a mailbox may send: told ahead with the seconds to wait, not slowed down there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from smtp.errors import Category, MailError

BURST_SECONDS = 10.0
"""So much of a minute's mails may leave at once: a sixth."""


class TooFast(MailError):
    """The mailbox has sent its share for now; `retry_after` says when there is room again."""

    def __init__(self, seconds: float, per_minute: int) -> None:
        super().__init__(
            f"this mailbox may send {per_minute} mails a minute; try again in {max(1, round(seconds + 0.5))} seconds",
            step="MAIL",
            category=Category.TEMPORARY,
            retryable=True,
            retry_after=seconds,
        )


class Pace:
    """The generic cell rate algorithm: one time is all that is remembered. For several threads at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self) -> None:
        """Count one mail. Raises `TooFast`."""
        with self._lock:
            now = self._clock()
            earliest = max(self._next, now)
            interval = 60.0 / self._per_minute
            # A burst of less than one mail still lets one through.
            wait = earliest - now - max(0.0, BURST_SECONDS - interval)
            if wait > 0:
                raise TooFast(wait, self._per_minute)
            self._next = earliest + interval


def pace_of(server: str) -> Pace | None:
    """The pace that the provider of this server is known to keep mailboxes to; None where nothing is known."""
    from auth.providers.profiles import profiles

    name = server.strip(".").lower()
    for profile in profiles():
        if profile.server.lower() == name and profile.limits.messages_per_minute:
            return Pace(profile.limits.messages_per_minute)
    return None
