"""What a browser brings back from a provider, in the query of the redirect (RFC 6749 section 4.1.2)."""

from __future__ import annotations

import hmac
import queue
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

_MAX_FIELDS = 32
_POLL = 0.1
"""Seconds between two questions whether somebody cancelled."""

Query = Mapping[str, str]


def parsed(query: str) -> Query:
    """The fields of a redirect's query; empty when it has one twice, or too many (RFC 6749 section 3.1)."""
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    answer = dict(fields)
    return answer if len(answer) == len(fields) else {}


def brings(answer: Query, state: str) -> bool:
    """Whether the answer is to the sign-in with this `state`, found out in constant time."""
    return hmac.compare_digest(state.encode(), answer.get("state", "").encode("utf-8", "replace"))


class Awaited:
    """The one query that a sign-in waits for, which another thread brings."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._arrived: queue.Queue[str] = queue.Queue(maxsize=1)

    def put(self, query: str) -> bool:
        """Whether it is the first."""
        try:
            self._arrived.put_nowait(query)
        except queue.Full:
            return False
        return True

    def wait(self, cancelled: Callable[[], bool]) -> str | None:
        """The query; None when time is up or somebody cancelled."""
        until = time.monotonic() + self._seconds
        while time.monotonic() < until and not cancelled():
            try:
                return self._arrived.get(timeout=_POLL)
            except queue.Empty:
                continue
        return None
