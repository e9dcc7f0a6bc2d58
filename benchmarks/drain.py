"""A mail server that throws everything away as fast as it comes: `python -m benchmarks.drain [CAPABILITY...]`.

It prints its port, and serves until it is ended. What it says is right for clients that do nothing unusual.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

_BUFFER = 256 * 1024
_END = b"\r\n.\r\n"


class Connection:
    """One client's dialogue."""

    def __init__(self, sock: socket.socket, capabilities: list[str]) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._hello = "".join(f"250-{name}\r\n" for name in ["drain", *capabilities]) + "250 8BITMIME\r\n"
        self._waiting = b""
        self._buffer = bytearray(_BUFFER)
        self._has_recipient = False

    def serve(self) -> None:
        with self._sock, contextlib.suppress(OSError):
            self._sock.sendall(b"220 drain\r\n")
            while line := self._line():
                self._sock.sendall(self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        match line[:4].upper():
            case b"EHLO":
                return self._hello.encode()
            case b"RCPT":
                self._has_recipient = True
                return b"250 ok\r\n"
            case b"DATA":
                self._has_recipient = False
                return self._data()
            case b"BDAT":
                return self._chunk(int(line.split()[1]))
            case b"VRFY":  # whoever says yes to everything is not trusted with commands in groups
                return b"252 send it and see\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
            case _:
                return b"250 ok\r\n"

    def _line(self) -> bytes:
        """The next line; b"" at the end."""
        while b"\n" not in self._waiting:
            data = self._sock.recv(_BUFFER)
            if not data:
                return b""
            self._waiting += data
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line + b"\n"

    def _data(self) -> bytes:
        self._sock.sendall(b"354 go on\r\n")
        tail, view = b"\r\n" + self._waiting, memoryview(self._buffer)
        self._waiting = b""
        while not tail.endswith(_END):
            count = self._sock.recv_into(view)
            if not count:
                raise ConnectionResetError
            tail = (tail + view[max(0, count - len(_END)) : count])[-len(_END) :]
        return b"250 ok\r\n"

    def _chunk(self, octets: int) -> bytes:
        view = memoryview(self._buffer)
        left = max(0, octets - len(self._waiting))
        self._waiting = self._waiting[octets:]
        while left:
            count = self._sock.recv_into(view[: min(left, _BUFFER)])
            if not count:
                raise ConnectionResetError
            left -= count
        is_expected, self._has_recipient = self._has_recipient, False
        return b"250 ok\r\n" if is_expected else b"503 no recipient\r\n"


def main(capabilities: list[str]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Connection(sock, capabilities).serve, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])
