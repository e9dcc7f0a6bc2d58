"""Listening: a thread for each listener, a thread for each client, and no more clients than are allowed."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time

from doors.relay.dialogue import Dialogue
from doors.relay.limits import Limits
from doors.relay.service import Service
from host.local.inputs import InputError
from smtp.stream import SocketStream

TOO_MANY = b"421 4.7.0 Too many connections; try again soon\r\n"
NOT_YOU = b"554 5.7.1 This relay is not for you: your network is not one of those that it serves\r\n"
SWEEP_SECONDS = 1.0
BACKLOG = 4096
"""Connections that may wait to be taken in; the system may allow less."""
AT_A_TIME = 100
"""Connections that are taken in before anything else is looked at."""


class Listeners:
    """All listeners of one relay. `serve` returns once `stop` was called and the clients are gone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._sockets: dict[socket.socket, Service] = {}
        self._dialogues: dict[Dialogue, tuple[threading.Thread, SocketStream]] = {}
        self._lock = threading.Lock()
        self._wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)

    def add(self, service: Service, host: str, port: int) -> int:
        """Listen for one service; returns the port. Raises `InputError` where that can't be."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"{host}:{port} can't be listened on: {reason.lower()}.") from error
        listener.setblocking(False)
        self._sockets[listener] = service
        return int(listener.getsockname()[1])

    def stop(self) -> None:
        """Ask `serve` to end. May be called from a signal handler."""
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def serve(self) -> None:
        """Take clients in until `stop`, then let those that are in the middle of a mail come to its end."""
        with selectors.DefaultSelector() as selector:
            for listener in self._sockets:
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            swept = time.monotonic()
            while True:
                for key, _ in selector.select(SWEEP_SECONDS):
                    if key.fileobj is self._wake:
                        return
                    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - only these were registered
                    self._accept(key.fileobj)
                if time.monotonic() - swept >= SWEEP_SECONDS:
                    swept = time.monotonic()
                    self._sweep()

    def drain(self) -> int:
        """Close the listeners, and end every client as soon as its mail has ended; how many had to be cut off."""
        for listener, service in self._sockets.items():
            listener.close()
            service.stop(self._limits.drain_seconds)
        deadline = time.monotonic() + self._limits.drain_seconds + 2.0
        while (clients := self._clients()) and time.monotonic() < deadline:
            for dialogue, (thread, stream) in clients.items():
                if dialogue.is_idle:
                    stream.end_input()
                thread.join(0.05)
        clients = self._clients()
        for _, stream in clients.values():
            stream.end_input()
        for service in self._sockets.values():
            service.close()
        return len(clients)

    def _clients(self) -> dict[Dialogue, tuple[threading.Thread, SocketStream]]:
        with self._lock:
            return dict(self._dialogues)

    def _accept(self, listener: socket.socket) -> None:
        """Take in those who wait: also many, who are told that there is no room before they wait for long."""
        service = self._sockets[listener]
        for _ in range(AT_A_TIME):
            try:
                connection, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                time.sleep(0.01)  # no descriptor is free, most likely: the next one may be
                return
            self._admit(connection, str(address[0]), service)

    def _admit(self, connection: socket.socket, peer: str, service: Service) -> None:
        if not service.admission.may_connect(peer):
            _turn_away(connection, NOT_YOU)
        elif len(self._dialogues) >= self._limits.clients:
            _turn_away(connection, TOO_MANY)
        else:
            self._begin(connection, service)

    def _begin(self, connection: socket.socket, service: Service) -> None:
        try:
            stream = SocketStream(connection)
        except OSError:  # it is gone already
            connection.close()
            return
        dialogue = Dialogue(stream, service)

        def run() -> None:
            try:
                dialogue.run()
            finally:
                with self._lock:
                    del self._dialogues[dialogue]

        thread = threading.Thread(target=run, name="relay client", daemon=True)
        with self._lock:
            self._dialogues[dialogue] = thread, stream
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                del self._dialogues[dialogue]
            _turn_away(connection, TOO_MANY)

    def _sweep(self) -> None:
        for service in self._sockets.values():
            threading.Thread(target=service.sweep, daemon=True).start()


def _turn_away(connection: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(answer)
    connection.close()
