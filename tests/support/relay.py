"""A wire between client and server that is cut after so many octets, of whatever they are: TLS records too."""

from __future__ import annotations

import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from typing import Self

UP, DOWN = "to the server", "to the client"


class Relay:
    """Passes connections on to a port of this machine, inside a `with`.

    The first connection ends, both ways, once `octets` have passed in `direction`; the others are left alone.
    `passed` counts what the first let pass in each direction.
    """

    host = "127.0.0.1"

    def __init__(self, port: int, direction: str = "", octets: int = 0) -> None:
        self._target = (self.host, port)
        self._direction = direction
        self._octets = octets
        self._listener = socket.create_server((self.host, 0))
        self.port = int(self._listener.getsockname()[1])
        self.passed: Counter[str] = Counter()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for sock in self._sockets:
            _end(sock)
        for thread in self._threads:
            thread.join()
        for sock in self._sockets:
            sock.close()

    def _listen(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                server = socket.create_connection(self._target)
                first = not self._sockets
                self._sockets += [client, server]
                for direction, source, sink in ((UP, client, server), (DOWN, server, client)):
                    thread = threading.Thread(
                        target=self._pass, args=(direction, source, sink, first), daemon=True
                    )
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, direction: str, source: socket.socket, sink: socket.socket, first: bool) -> None:
        is_cut = first and direction == self._direction
        left = self._octets if is_cut else sys.maxsize
        with suppress(OSError):
            while left and (data := source.recv(min(65536, left))):
                sink.sendall(data)
                left -= len(data)
                self.passed[direction] += len(data) if first else 0
        _end(sink)
        if is_cut:
            _end(source)


def _end(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
