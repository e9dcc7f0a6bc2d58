"""What was said on a connection, for people: redacted as it is recorded, and bounded."""

from __future__ import annotations

from collections import deque

MAX_ENTRIES = 200


class Transcript(deque[tuple[str, object]]):
    """The last `MAX_ENTRIES` lines of a dialogue, each with who said it: C, the client, or S, the server.

    Credentials and message content never get into it.
    """

    def __init__(self) -> None:
        super().__init__(maxlen=MAX_ENTRIES)

    def __str__(self) -> str:
        return "\n".join(f"{who}: {what}" for who, what in self)
