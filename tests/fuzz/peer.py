"""A server in memory that says whatever it is given, and remembers what was said in answer to what.

It shares nothing with the code under test: replies and commands are read here once more, in another way.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from tests.fuzz.rules import must

CLOSES, FALLS_SILENT, RESETS = b"\x00", b"\x01", b"\x02"
"""At the end of what is said: what the server does next."""
MOST_CALLS = 20_000
"""More reads and writes than any dialogue of a few messages can need: who makes more does not end."""


@dataclass(slots=True)
class Heard:
    """A command, or a whole message ("END"). `early` is how many replies had been read before it was written."""

    verb: str
    line: bytes
    early: int


class Replies:
    """The codes of the replies in what was said, up to the first thing that is none."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self._rest = b""
        self._first: bytes | None = None
        self._is_broken = False

    def feed(self, said: bytes) -> None:
        *lines, self._rest = (self._rest + said).split(b"\n")
        for line in lines:
            self._take(line.removesuffix(b"\r"))

    def _take(self, line: bytes) -> None:
        code, mark = line[:3], line[3:4]
        sound = len(code) == 3 and code.isdigit() and code[:1] in b"12345" and mark in (b"", b" ", b"-")
        if self._is_broken or not sound or self._first not in (None, code):
            self._is_broken = True
        elif mark == b"-":
            self._first = code
        else:
            self._first = None
            self.codes.append(int(code))


class Peer:
    """The stream, seen from the client, to a server that offers `keywords` and follows `script`.

    Each command takes the next item of the script: octets to say, "" for the right reply.
    """

    peer = "192.0.2.1"
    local = "192.0.2.2"
    is_proxied = False

    def __init__(self, script: Sequence[bytes], keywords: Sequence[str], octets_per_read: int) -> None:
        self.heard: list[Heard] = []
        self.replies = Replies()
        self.tls: ssl.SSLSocket | None = None
        self._script = list(reversed(script))
        self._keywords = keywords
        self._octets_per_read = octets_per_read or 65536
        self._unread = bytearray()
        self._buffer = b""
        self._data_at: int | None = None
        self._end = b""
        self._given = Replies()
        self._early = 0
        self._calls = 0
        self._hear("", b"")

    # -- the stream ------------------------------------------------------------------------------------------

    def read(self, deadline: float) -> bytes:
        self._count()
        data = bytes(self._unread[: self._octets_per_read])
        del self._unread[: self._octets_per_read]
        self._given.feed(data)
        if data or self._end == CLOSES:
            return data
        raise ConnectionResetError if self._end == RESETS else TimeoutError

    def write(self, data: bytes, deadline: float) -> None:
        self._count()
        if self._end == RESETS:
            raise ConnectionResetError
        self._buffer += data
        self._early = len(self._given.codes)
        while self._buffer and self._hear_one():
            pass

    def cork(self, on: bool) -> None:
        self._count()

    def has_input(self) -> bool:
        self._count()
        return bool(self._unread) or self._end in (CLOSES, RESETS)

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, deadline: float) -> None:
        must(not self._unread, "a handshake with octets of before it unread")
        raise ssl.SSLEOFError

    def close(self) -> None:
        self._end = CLOSES
        self._unread.clear()

    # -- the server ------------------------------------------------------------------------------------------

    def _count(self) -> None:
        self._calls += 1
        must(self._calls < MOST_CALLS, "the client goes on and on")

    def _hear_one(self) -> bool:
        """Take one command or message out of what was written; whether there was a whole one."""
        if self._data_at is not None:
            begun, self._data_at = self._data_at, None
            if len(self.replies.codes) > begun and self.replies.codes[begun] == 354:
                self._data_at = begun
                return self._hear_message()
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return False
        verb, *words = line.decode("ascii", "replace").upper().replace(":", " ").split(" ")
        if verb == "BDAT":
            size = int(words[0])
            if len(rest) < size:
                return False
            rest = rest[size:]
        self._buffer = rest
        self._hear("LAST" if words[1:] == ["LAST"] else verb, line)
        return True

    def _hear_message(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            self._buffer = self._buffer[3:]
        else:
            _, end, rest = self._buffer.partition(b"\r\n.\r\n")
            if not end:
                return False
            self._buffer = rest
        self._data_at = None
        self._hear("END", b"")
        return True

    def _hear(self, verb: str, line: bytes) -> None:
        self.heard.append(Heard(verb, line, self._early))
        if verb == "DATA":
            self._data_at = len(self.heard) - 1
        if self._end:
            return
        said = (self._script.pop() if self._script else b"") or self._right(verb)
        if said[-1:] in (CLOSES, FALLS_SILENT, RESETS):
            said, self._end = said[:-1], said[-1:]
        self._unread += said
        self.replies.feed(said)

    def _right(self, verb: str) -> bytes:
        codes = {"": 220, "DATA": 354, "QUIT": 221, "STARTTLS": 220, "AUTH": 334}
        if verb in ("EHLO", "HELO"):
            lines = ["peer.test", *self._keywords]
            return "".join(f"250-{line}\r\n" for line in lines).encode() + b"250 HELP\r\n"
        known = ("MAIL", "RCPT", "END", "LAST", "BDAT", "RSET", "NOOP", "VRFY")
        return b"%d fine\r\n" % codes.get(verb, 250 if verb in known else 235)
