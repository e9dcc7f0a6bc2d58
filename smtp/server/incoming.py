"""A message on its way in: out of DATA, where a lone dot ends it, or out of chunks (RFC 5321 4.5.2, RFC 3030).

Only CRLF ends a line, and only CRLF . CRLF ends DATA: who takes anything else for a line end, and hands the message
on, smuggles one message in another. What holds a CR or LF that stands alone is therefore read to its end and refused.
"""

from __future__ import annotations

from smtp.content import LineGuard
from smtp.errors import LocalProtocolError

END = b"\r\n.\r\n"
MAX_LINE = 1024 * 1024
"""Octets of a line of text. RFC 5321 section 4.5.3.1.6 has 1,000; many programs write more, and servers take it."""


class Checked:
    """What is known of the octets of a message so far. The first thing that is wrong stays."""

    def __init__(self, limit: int) -> None:
        self._guard = LineGuard()
        self._limit = limit
        self._line = 0
        self.octets = 0
        self.fault: tuple[int, str] | None = None
        """The code and text to refuse the message with."""

    def take(self, piece: bytes) -> None:
        """One more piece."""
        self.octets += len(piece)
        if self.fault is not None:
            return
        try:
            self._guard.check(piece)
        except LocalProtocolError:
            self.fault = 550, "5.6.11 The message has a CR or LF that stands alone: lines end in CRLF"
            return
        newline = piece.rfind(b"\n")
        self._line = self._line + len(piece) if newline < 0 else len(piece) - newline - 1
        if self._line > MAX_LINE:
            self.fault = 550, f"5.6.0 The message has a line of more than {MAX_LINE} octets"
        elif self.octets > self._limit:
            self.fault = 552, f"5.3.4 The message is larger than {self._limit} octets"

    def finish(self) -> None:
        """The message is whole; a CR may be all that is left of its last line end."""
        if self.fault is None and not self._guard.at_line_start:
            try:
                self._guard.check(b"x")
            except LocalProtocolError:
                self.fault = 550, "5.6.11 The message ends in a CR that stands alone"


class DataReader:
    """Takes the message out of what follows 354: dots that were doubled become one again."""

    def __init__(self) -> None:
        self._held = b""
        self._at_start = True
        self.rest: bytes | None = None
        """What came behind the end, once that is there."""

    def feed(self, data: bytes) -> bytes:
        """The octets of the message that are certain by now. Not to be called once `rest` is there."""
        data = self._held + data
        self._held = b""
        if self._at_start:
            # The line end before a first line is the one of the DATA command.
            if data.startswith(b".\r\n"):
                self.rest = data[3:]
                return b""
            if b".\r\n".startswith(data):
                self._held = data
                return b""
            self._at_start = False
            data = data[1:] if data.startswith(b".") else data
        end = data.find(END)
        if end >= 0:
            self.rest = data[end + len(END) :]
            data = data[: end + 2]
        else:
            held = _beginning_of_end(data)
            self._held = data[len(data) - held :]
            data = data[: len(data) - held]
        return data.replace(b"\r\n.", b"\r\n")


def _beginning_of_end(data: bytes) -> int:
    """How many of the last octets may be the first of the end."""
    for length in range(len(END) - 1, 0, -1):
        if data.endswith(END[:length]):
            return length
    return 0
