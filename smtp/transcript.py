"""What was said on a connection, for people: redacted as it is recorded, and bounded."""

from __future__ import annotations

from collections import deque

MAX_ENTRIES = 200


class Transcript:
    """The last `MAX_ENTRIES` lines of a dialogue. Credentials and message content never get into it."""

    def __init__(self) -> None:
        self._entries: deque[tuple[str, object]] = deque(maxlen=MAX_ENTRIES)

    def sent(self, shown: str) -> None:
        self._entries.append(("C", shown))

    def received(self, said: object) -> None:
        self._entries.append(("S", said))

    def __str__(self) -> str:
        return "\n".join(f"{who}: {what}" for who, what in self._entries)
