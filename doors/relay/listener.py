"""Listening: who comes in, and no more clients than are allowed, whoever serves them."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time

from doors.relay.clients import SWEEP_SECONDS, Clients
from doors.relay.limits import Limits
from doors.relay.processes import Processes
from doors.relay.service import Service
from host.local.inputs import InputError

TOO_MANY = b"421 4.7.0 Too many connections; try again soon\r\n"
NOT_YOU = b"554 5.7.1 This relay is not for you: your network is not one of those that it serves\r\n"
BACKLOG = 4096
"""Connections that may wait to be taken in; the system may allow less."""
AT_A_TIME = 100
"""Connections that are taken in before anything else is looked at."""


class Listeners:
    """All listeners of one relay. `serve` returns once `stop` was called; `drain` ends the clients."""

    def __init__(self, limits: Limits, clients: Clients | Processes) -> None:
        self._limits = limits
        self._clients = clients
        self._sockets: dict[socket.socket, Service] = {}
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
        """Take clients in until `stop`."""
        with selectors.DefaultSelector() as selector:
            for listener in (*self._sockets, self._wake):
                selector.register(listener, selectors.EVENT_READ)
            self._clients.start(list(self._sockets.values()), selector)
            while True:
                for key, _ in selector.select(SWEEP_SECONDS):
                    assert isinstance(key.fileobj, socket.socket)  # noqa: S101 - only these were registered
                    if key.fileobj is self._wake:
                        return
                    if key.data is None:
                        self._accept(key.fileobj)
                    else:
                        key.data.hear(key.fileobj)  # a process that serves clients
                self._clients.sweep()

    def drain(self) -> int:
        """Close the listeners, and end every client as soon as its mail has ended; how many had to be cut off."""
        for listener in self._sockets:
            listener.close()
        return self._clients.drain()

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
        elif len(self._clients) >= self._limits.clients or not self._clients.begin(connection, service):
            _turn_away(connection, TOO_MANY)


def _turn_away(connection: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.setblocking(False)
        connection.send(answer)
    connection.close()
