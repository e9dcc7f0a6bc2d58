"""The server itself: it listens on a port of the system's choosing, with a thread for each connection."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

from tests.support.scripted.dialogue import Dialogue
from tests.support.scripted.log import Log
from tests.support.scripted.settings import Settings
from tests.support.scripted.wire import Wire


class ScriptedServer:
    """Serves on 127.0.0.1 inside a `with`; after it, or after `Settings.lifetime`, everything is closed."""

    host = "127.0.0.1"

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings = settings or Settings()
        self.log = Log()
        self._listener = socket.create_server((self.host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._deadline = time.monotonic() + settings.lifetime
        self._wires: list[Wire] = []
        self._threads = [threading.Thread(target=self._listen, daemon=True, name="scripted server")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End every connection and wait until the last thread is gone; the log is then final."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for wire in self._wires:
            wire.abort()
        for thread in self._threads:
            thread.join()

    def wait_until_served(self, timeout: float = 2.0) -> None:
        """Wait until every connection is over on the server's side too, which makes the log final."""
        deadline = time.monotonic() + timeout
        for thread in self._threads[1:]:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _listen(self) -> None:
        with self._listener:
            while (left := self._deadline - time.monotonic()) > 0:
                self._listener.settimeout(left)
                try:
                    sock, _ = self._listener.accept()
                except OSError:
                    return
                self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        if self.settings.buffers:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.settings.buffers)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.settings.buffers)
        wire = Wire(sock, self.log.opened(), self.settings, self.log, self._deadline)
        dialogue = Dialogue(wire, self.settings, self.log)
        thread = threading.Thread(target=dialogue.run, daemon=True, name=f"connection {wire.number}")
        self._wires.append(wire)
        thread.start()
        self._threads.append(thread)


def closed_port() -> int:
    """A port of this machine that nobody listens on (it was free a moment ago)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
