"""What a client is told, in the order of its commands: behind what the mail server has not answered yet."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable

from doors.relay.log import Log
from smtp.reply import Reply
from smtp.server.engine import ServerEngine
from smtp.stream import SocketStream

WRITE_SECONDS = 60.0
LAST_WORD_SECONDS = 1.0
_OF_THE_SERVER = None


class Answers:
    """The answers of one connection; they leave together, with `flush`. `number` is the connection's, in the log."""

    def __init__(self, engine: ServerEngine, stream: SocketStream, log: Log, number: str) -> None:
        self._engine = engine
        self._stream = stream
        self._log = log
        self._number = number
        self.due: deque[Reply | None] = deque()
        """What waits for the mail server: an answer of ours behind its own, None for one that it has to give."""
        self._out: list[bytes] = []

    def give(self, answer: Reply) -> None:
        """Answer a command, in its turn."""
        if self.due:
            self.due.append(answer)
        else:
            self._say(answer)

    def leave_to_server(self) -> None:
        """Keep this turn for the mail server's next answer."""
        self.due.append(_OF_THE_SERVER)

    def settle(self, next_of_the_server: Callable[[], Reply]) -> None:
        """Wait for what the mail server has to say, and answer everything in order."""
        while self.due:
            due = self.due.popleft()
            self._say(next_of_the_server() if due is _OF_THE_SERVER else due)

    def challenge(self, octets: bytes) -> None:
        """A step of a login, which nothing else waits behind."""
        self._out.append(self._engine.challenge(octets))

    def banner(self, text: str) -> None:
        self._log.step(self._number, "S", f"220 {text}")
        self._out.append(f"220 {text}\r\n".encode("ascii", "replace"))

    def flush(self) -> None:
        """Write all that was said. Raises `OSError`, `TimeoutError`."""
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._stream.write(data, time.monotonic() + WRITE_SECONDS)

    def last_word(self, answer: Reply) -> None:
        """Whatever else is due, this is the end. Never raises."""
        with contextlib.suppress(OSError, ssl.SSLError):
            self._out.append(self._engine.close(answer))
            self._stream.write(b"".join(self._out), time.monotonic() + LAST_WORD_SECONDS)

    def _say(self, answer: Reply) -> None:
        if self._log.has_steps:
            self._log.step(self._number, "S", str(answer))
        self._out.append(self._engine.answer(answer))
