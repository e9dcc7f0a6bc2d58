"""One connection's octets: read and written, in clear or in TLS, split, slowed or cut as the settings say."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from contextlib import suppress
from typing import NoReturn

from tests.support.scripted.log import Log
from tests.support.scripted.settings import Cut, Settings

LINE_LIMIT = 64 * 1024
CLOSING_TIME = 0.2
"""Seconds to wait for the client's end of file."""


class Gone(Exception):
    """The connection is over, by whoever's hand."""


class Wire:
    """Blocking, with one deadline over everything."""

    def __init__(
        self, sock: socket.socket, number: int, settings: Settings, log: Log, deadline: float
    ) -> None:
        self.sock = sock
        self.number = number
        self.tls = False
        self._settings = settings
        self._cut = settings.cut if settings.cut and settings.cut.connection == number else Cut()
        self._log = log
        self._deadline = deadline
        self._buffer = bytearray()
        self._held = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- reading ---------------------------------------------------------------------------------------

    def line(self) -> bytes:
        """The next line without its CRLF. A bare LF ends a line too, and is logged as a violation."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_LIMIT:
                self._log.complain("a command line without an end")
                raise Gone
            self._fill()
        end = self._buffer.index(b"\n") + 1
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        if not line.endswith(b"\r\n"):
            self._log.complain(f"a line that does not end in CRLF: {line[-40:]!r}")
        return line.rstrip(b"\r\n")

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def until_dot(self, ends: tuple[bytes, ...]) -> bytes:
        """A message as DATA carries it, dots and all, up to and without the lone dot; `ends` says what that is."""
        longest = max(len(end) for end in ends)
        searched = 0
        while True:
            if self._buffer.startswith(b".\r\n"):
                return self.exactly(3)[:0]
            found = [(at, -len(end), end) for end in ends if (at := self._buffer.find(end, searched)) >= 0]
            if found:
                at, _, end = min(found)
                return self.exactly(at + len(end))[: at + end.index(b".")]
            searched = max(0, len(self._buffer) - longest)
            self._fill()

    def at_least(self, count: int) -> None:
        """Wait until so many octets lie in the buffer, without taking them out."""
        while len(self._buffer) < count:
            self._fill()

    def take_unread(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    @property
    def has_more(self) -> bool:
        """Whether the client has already sent what comes next."""
        return bool(self._buffer) or self._is_readable()

    def _is_readable(self) -> bool:
        if isinstance(self.sock, ssl.SSLSocket):
            return self.sock.pending() > 0
        self.sock.settimeout(0)
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _fill(self) -> None:
        wanted = 65536
        if self._cut.read is not None:
            wanted = min(wanted, self._cut.read - self._log.octets_read[self.number])
        if wanted <= 0:
            self._end()
        try:
            self.sock.settimeout(self._left())
            data = self.sock.recv(wanted)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self._log.octets_read[self.number] += len(data)
        if not self.tls:
            self._log.clear += data
        self._buffer += data

    # -- writing ---------------------------------------------------------------------------------------

    def write_with_the_rest(self, data: bytes) -> None:
        """Write it together with the answers to what the client has already sent (RFC 2920 section 3.2)."""
        self._held = data
        if b"\n" not in self._buffer:
            self.write(b"")

    def write(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
            self._held = data if b"\n" in self._buffer else b""
            if self._held:
                return
        if self._settings.delay:
            time.sleep(self._settings.delay)
        step = 1 if self._settings.byte_by_byte else len(data) or 1
        for start in range(0, len(data), step):
            self._send(data[start : start + step])

    def drip(self, data: bytes, pause: float) -> None:
        for octet in data:
            self._send(bytes((octet,)))
            time.sleep(pause)

    def _send(self, data: bytes) -> None:
        limit = self._cut.written
        written = self._log.octets_written
        part = data if limit is None else data[: max(0, limit - written[self.number])]
        try:
            self.sock.settimeout(self._left())
            self.sock.sendall(part)
        except OSError as error:
            raise Gone from error
        written[self.number] += len(part)
        if limit is not None and written[self.number] >= limit:
            self._end()

    # -- TLS and the end -------------------------------------------------------------------------------

    def start_tls(self, context: ssl.SSLContext) -> None:
        try:
            self.sock.settimeout(self._left())
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except (OSError, ValueError) as error:
            raise Gone from error
        self.tls = True

    @property
    def tls_version(self) -> str:
        return (self.sock.version() or "") if isinstance(self.sock, ssl.SSLSocket) else ""

    def be_silent(self) -> NoReturn:
        """Say nothing and read nothing, until the client has gone or this server's time is up."""
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        while not poll.poll(50):
            self._left()
        raise Gone

    def finish(self) -> None:
        """What was written arrives, and is followed by an end of file. Nothing more can be written."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Finish, then read what is still on its way: octets left unread would reset the connection."""
        self.finish()
        with suppress(OSError, Gone):
            while time.monotonic() < self._deadline:
                self.sock.settimeout(min(CLOSING_TIME, self._left()))
                if not self.sock.recv(65536):
                    break
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def abort(self) -> None:
        """From another thread: let whatever waits on this connection end."""
        with suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not SSLSocket's: that forgets its TLS

    def _end(self) -> NoReturn:
        if self._cut.hard:
            self.reset()
        raise Gone

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Gone
        return left
