"""Several processes that serve clients: Python's threads run one at a time, so a process uses one processor at most.

The parent listens, and decides who comes in: so its limits hold over all of them. Each client is handed to the process
that has the fewest (its socket travels over a Unix socket, as the systems of POSIX have it), which says when the client
has gone. A process whose end of that socket is closed has died: its clients have lost their connection, as they would
have with any server, and another process takes its place. The parent has no thread but its main one, since a process
is forked off where others may hold locks as it never should be. When the parent is gone, or wants an end, its children
let the mails that are under way come to their end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from selectors import EVENT_READ, BaseSelector
from typing import NoReturn

from doors.relay.clients import SWEEP_SECONDS, Clients
from doors.relay.limits import Limits
from doors.relay.log import Log
from doors.relay.service import Service
from doors.relay.spool import Spool
from host.unforeseen import unforeseen

MOST = 64
_GRACE = 10.0
"""Seconds that a process has to end, beyond those that its mails have."""
_NUMBER = 4
"""Octets of a service's number, which goes along with a client's socket."""
_GONE = b"-"
"""What a process says of each client that has gone."""


@dataclass(slots=True)
class _Child:
    """A process that serves clients; `channel` is the parent's end."""

    place: int
    pid: int
    channel: socket.socket
    since: float
    clients: int = 0


class Processes:
    """`number` processes. Only for a process with a single thread."""

    def __init__(self, number: int, limits: Limits, log: Log, spool: Spool | None) -> None:
        self._limits = limits
        self._log = log
        self._spool = spool
        self._services: Sequence[Service] = ()
        self._selector: BaseSelector | None = None
        self._missing = list(range(number))
        """The places whose process is to be begun."""
        self._children: dict[socket.socket, _Child] = {}

    def __len__(self) -> int:
        """How many clients there are."""
        return sum(child.clients for child in self._children.values())

    def start(self, services: Sequence[Service], selector: BaseSelector | None = None) -> None:
        """Begin the processes, which are heard by `selector`. What else it has is the parent's alone."""
        self._services, self._selector = services, selector
        self._begin_missing()

    def begin(self, connection: socket.socket, service: Service) -> bool:
        """Hand a client to the process that has the fewest; False where there is none that takes it."""
        number = self._services.index(service).to_bytes(_NUMBER, "big")
        for child in sorted(self._children.values(), key=_clients_of):
            try:
                socket.send_fds(child.channel, [number], [connection.fileno()])
            except OSError:
                continue  # it has died, which is seen soon, or doesn't listen
            child.clients += 1
            connection.close()
            return True
        return False

    def hear(self, channel: socket.socket) -> None:
        """Take what a process says, or see that it has died."""
        child = self._children[channel]
        try:
            said = channel.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        child.clients -= len(said)
        if not said:
            self._replace(child)

    def sweep(self) -> None:
        """Begin what could not be begun. (What nobody uses any more the processes end themselves.)"""
        if self._missing:
            self._begin_missing()

    def drain(self) -> int:
        """Let each process end its clients; how many of them had to be cut off."""
        deadline = time.monotonic() + self._limits.drain_seconds + _GRACE
        for channel in self._children:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_WR)
        cut_off = 0
        for channel, child in self._children.items():
            try:
                while said := self._last_words(channel, deadline):
                    child.clients -= len(said)
            except TimeoutError:
                os.kill(child.pid, signal.SIGKILL)
            cut_off += child.clients
            channel.close()
            os.waitpid(child.pid, 0)  # a spool may still end what is in flight
        self._children.clear()
        return cut_off

    def _last_words(self, channel: socket.socket, deadline: float) -> bytes:
        """What a process says; b"" once it has no clients any more. Raises `TimeoutError`."""
        channel.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            return channel.recv(4096)
        except ConnectionError:
            return b""

    def _begin_missing(self) -> None:
        while self._missing:
            place = self._missing[0]
            ours, theirs = socket.socketpair()
            try:
                pid = os.fork()
            except OSError as error:
                ours.close()
                theirs.close()
                reason = error.strerror or str(error)
                self._log.warn(f"A process of the relay can't be begun: {reason.lower()}; it is tried again.")
                return
            if pid == 0:
                ours.close()
                self._be_child(place, theirs)
            theirs.close()
            ours.setblocking(False)
            if self._selector is not None:
                self._selector.register(ours, EVENT_READ, self)
            self._children[ours] = _Child(place, pid, ours, time.monotonic())
            del self._missing[0]

    def _replace(self, child: _Child) -> None:
        """Say that a process has died, and begin another: at once, but not again and again."""
        if self._selector is not None:
            self._selector.unregister(child.channel)
        del self._children[child.channel]
        child.channel.close()
        _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        lost = f"{child.clients} client{'s' * (child.clients != 1)} lost the connection"
        self._log.warn(f"A process of the relay was ended {how}, and {lost}; another takes its place.")
        self._missing.append(child.place)
        if time.monotonic() - child.since > SWEEP_SECONDS:
            self._begin_missing()

    # -- in the child --------------------------------------------------------------------------------------------

    def _be_child(self, place: int, channel: socket.socket) -> NoReturn:
        """Serve what comes over the channel until that is closed."""
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):  # the parent decides, and says so by the channel
                signal.signal(number, signal.SIG_IGN)
            if self._selector is not None:
                for key in list(self._selector.get_map().values()):
                    os.close(key.fd)
            for service in self._services:
                service.process = f"{place:x}-"
            with self._spool or nullcontext():
                self._serve(channel)
            code = 0
        except Exception as error:  # noqa: BLE001 - a mistake of ours ends this process, and is told
            self._log.warn(f"A process of the relay ends. {unforeseen(error)}")
        finally:
            os._exit(code)

    def _serve(self, channel: socket.socket) -> None:
        def tell() -> None:
            with contextlib.suppress(OSError):  # the parent is gone
                channel.send(_GONE)

        clients = Clients(self._limits, tell)
        clients.start(self._services)
        channel.settimeout(SWEEP_SECONDS)
        while True:
            clients.sweep()
            try:
                number, descriptors, _, _ = socket.recv_fds(channel, _NUMBER, 1)
            except TimeoutError:
                continue
            except OSError:
                break
            if not number:
                break
            if not descriptors:  # this process may have no more of them
                tell()
            for descriptor in descriptors:
                connection = socket.socket(fileno=descriptor)
                if not clients.begin(connection, self._services[int.from_bytes(number, "big")]):
                    connection.close()
                    tell()
        clients.drain()
        channel.close()


def _clients_of(child: _Child) -> int:
    return child.clients
