"""A port of this machine that something stands behind: what the proxies of the tests have in common."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import abstractmethod
from typing import Self


class Listening:
    """Listens on `port` of 127.0.0.1 inside a `with`; each connection has a thread of its own."""

    port: int
    _listener: socket.socket

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(client,), daemon=True).start()

    @abstractmethod
    def _connection(self, client: socket.socket) -> None:
        """Serve this client to its end."""
