"""The clients that a process serves: a thread for each, from its banner to its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from selectors import BaseSelector

from doors.relay.dialogue import Dialogue
from doors.relay.limits import Limits
from doors.relay.service import Service
from smtp.stream import SocketStream

SWEEP_SECONDS = 1.0
"""Between two looks for what nobody has used for a while."""


def _nobody_asked() -> None:
    """Nobody wants to know when a client has gone."""


class Clients:
    """`ended` is called when a client has gone, in its thread."""

    def __init__(self, limits: Limits, ended: Callable[[], None] = _nobody_asked) -> None:
        self._limits = limits
        self._ended = ended
        self._services: Sequence[Service] = ()
        self._dialogues: dict[Dialogue, tuple[threading.Thread, SocketStream]] = {}
        self._lock = threading.Lock()
        self._swept = time.monotonic()

    def __len__(self) -> int:
        return len(self._dialogues)

    def start(self, services: Sequence[Service], selector: BaseSelector | None = None) -> None:  # noqa: ARG002
        """Clients of these services are to come. (There is nobody else to be heard.)"""
        self._services = services

    def begin(self, connection: socket.socket, service: Service) -> bool:
        """Serve one more. False where it is gone already, and the connection closed, or where it can't be served."""
        try:
            stream = SocketStream(connection)
        except OSError:
            connection.close()
            return False
        dialogue = Dialogue(stream, service)
        thread = threading.Thread(target=self._serve, args=(dialogue,), name="relay client", daemon=True)
        with self._lock:
            self._dialogues[dialogue] = thread, stream
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                del self._dialogues[dialogue]
            return False
        return True

    def sweep(self) -> None:
        """Now and then, and without waiting, end what nobody has used for a while."""
        if time.monotonic() - self._swept >= SWEEP_SECONDS:
            self._swept = time.monotonic()
            for service in self._services:
                threading.Thread(target=service.sweep, daemon=True).start()

    def drain(self) -> int:
        """End every client as soon as its mail has ended; how many had to be cut off."""
        for service in self._services:
            service.stop(self._limits.drain_seconds)
        deadline = time.monotonic() + self._limits.drain_seconds + 2.0
        while (clients := self._now()) and time.monotonic() < deadline:
            for dialogue, (thread, stream) in clients.items():
                if dialogue.is_idle:
                    stream.end_input()
                thread.join(0.05)
        clients = self._now()
        for _, stream in clients.values():
            stream.end_input()
        for service in self._services:
            service.close()
        return len(clients)

    def _now(self) -> dict[Dialogue, tuple[threading.Thread, SocketStream]]:
        with self._lock:
            return dict(self._dialogues)

    def _serve(self, dialogue: Dialogue) -> None:
        try:
            dialogue.run()
        finally:
            with self._lock:
                del self._dialogues[dialogue]
            self._ended()
