"""What was said on a connection, for people: redacted as it is recorded, and bounded."""

from __future__ import annotations

from collections import deque

MAX_ENTRIES = 200


class Transcript(deque[tuple[str, object]]):
    """The last lines of a dialogue, each with who said it: C, the client, or S, the server. `maxlen` bounds them.

    Credentials and message content never get into it.
    """

    def __str__(self) -> str:
        return "\n".join(f"{who}: {what}" for who, what in self)
