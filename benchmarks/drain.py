"""A mail server that throws everything away as fast as it comes: `python -m benchmarks.drain [CAPABILITY...]`.

It prints its port, and for each line that it reads how many messages it has accepted, until it is ended. What it
says is right for clients that do nothing unusual.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

_BUFFER = 256 * 1024
_END = b"\r\n.\r\n"


class Count:
    """The messages that were accepted, over all connections."""

    def __init__(self) -> None:
        self.messages = 0
        self.lock = threading.Lock()


class Connection:
    """One client's dialogue."""

    def __init__(self, sock: socket.socket, capabilities: list[str], count: Count) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._count = count
        self._hello = "".join(f"250-{name}\r\n" for name in ["drain", *capabilities]) + "250 8BITMIME\r\n"
        self._waiting = b""
        self._buffer = bytearray(2 * _BUFFER)
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
        """Read to the end of the message, which commands may follow at once."""
        self._sock.sendall(b"354 go on\r\n")
        before = (
            len(_END) - 1
        )  # octets of what came before are kept in front, since the end may be in two pieces
        buffer, view = self._buffer, memoryview(self._buffer)
        buffer[:before] = b"  \r\n"
        count = len(self._waiting)
        buffer[before : before + count] = self._waiting
        while (end := buffer.find(_END, 0, before + count)) < 0:
            buffer[:before] = buffer[count : before + count]
            count = self._sock.recv_into(view[before:])
            if not count:
                raise ConnectionResetError
        self._waiting = bytes(view[end + len(_END) : before + count])
        return self._accepted()

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
        return self._accepted() if is_expected else b"503 no recipient\r\n"

    def _accepted(self) -> bytes:
        with self._count.lock:
            self._count.messages += 1
        return b"250 ok\r\n"


def main(capabilities: list[str]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    count = Count()
    threading.Thread(target=_tell, args=(count,), daemon=True).start()
    while True:
        sock, _ = listener.accept()
        connection = Connection(sock, capabilities, count)
        threading.Thread(target=connection.serve, daemon=True).start()


def _tell(count: Count) -> None:
    for _line in sys.stdin:
        print(count.messages, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
