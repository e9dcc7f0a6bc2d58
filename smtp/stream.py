"""A stream of octets to a server: the small interface that a session drives, and its form over a socket.

Everything has a deadline, in seconds of `time.monotonic`. A deadline holds for the whole of what is awaited:
a peer that sends one octet now and then does not extend it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from smtp.errors import Category, ConnectError, Reason, Step

READ_SIZE = 64 * 1024
# A peer may answer while we write; what it sends meanwhile is kept, up to here. Every honest dialogue stays far below.
MAX_READ_ASIDE = 4 * 1024 * 1024
# Where the system has no such thing, packets are as the writes were.
_CORK: int | None = getattr(socket, "TCP_CORK", None)
# How often a wait looks whether somebody asked to stop.
_INTERRUPT_INTERVAL = 0.2


class Stream(Protocol):
    """What a session needs of a connection. `read` and `write` raise `TimeoutError` at the deadline, else `OSError`."""

    def read(self, deadline: float) -> bytes:
        """Some octets, as soon as there are any; b"" once the peer has closed."""

    def write(self, data: bytes, deadline: float) -> None:
        """All of `data`. If this raises, not all of it has left. Reads aside while the peer doesn't take it."""

    def cork(self, on: bool) -> None:
        """While it is on, what was written may wait for what is written next, to travel in one packet with it."""

    def has_input(self) -> bool:
        """Whether `read` would return at once. Does not wait, and never raises."""

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, deadline: float) -> None:
        """Shake hands. Raises `ssl.SSLError` too."""

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS layer, once there is one."""

    @property
    def peer(self) -> str:
        """The peer's IP address."""

    @property
    def is_proxied(self) -> bool:
        """The peer is a proxy: the server is somewhere behind it."""

    @property
    def local(self) -> str:
        """Our own IP address on this connection."""

    def ignore_interrupt(self) -> None:
        """From now on wait without asking whether to stop."""

    def close(self) -> None:
        """Let go of the connection. Never raises."""


class SocketStream:
    """A stream over a connected TCP socket. `interrupt` is called while waiting and may raise.

    A process that is forked off inherits it, and only the connection's owner may speak and listen on it.
    """

    def __init__(self, sock: socket.socket, interrupt: Callable[[], None] | None = None) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self.tls: ssl.SSLSocket | None = None
        self._interrupt = interrupt
        self._input = _polled(sock, select.POLLIN)
        self._owner = os.getpid()
        self._aside = bytearray()
        self._ended = False
        self.is_proxied = False
        self.peer = str(sock.getpeername()[0])
        self.local = str(sock.getsockname()[0])

    def read(self, deadline: float) -> bytes:
        if self._aside:
            data = bytes(self._aside)
            self._aside.clear()
            return data
        # Octets that the TLS layer has opened already are not seen at the socket.
        wait_for = self._input if self.tls is None or not self.tls.pending() else None
        while not self._ended:
            if wait_for is not None:
                _wait(wait_for, deadline, self._interrupt)
            data, events = self._receive()
            if data:
                return data
            wait_for = self._input if events == select.POLLIN else _polled(self._sock, events)
        return b""

    def write(self, data: bytes, deadline: float) -> None:
        if self._owner != os.getpid():
            raise _of_another_process()
        left: bytes | memoryview = data
        while left:
            try:
                sent = self._sock.send(left)
                if sent == len(left):
                    return
                left = memoryview(left)[sent:]
            except (BlockingIOError, ssl.SSLWantWriteError):
                # Once the peer has ended its side that side is always readable: waiting for it would not wait.
                events = select.POLLOUT | (0 if self._ended else select.POLLIN)
                _wait(_polled(self._sock, events), deadline, self._interrupt)
                self._read_aside()
            except ssl.SSLWantReadError:
                _wait(self._input, deadline, self._interrupt)

    def cork(self, on: bool) -> None:
        if _CORK is not None:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, _CORK, on)

    def has_input(self) -> bool:
        if self._aside or self._ended:
            return True
        if not self._input.poll(0) and (self.tls is None or not self.tls.pending()):
            return False
        try:
            data, _ = self._receive()
        except OSError:
            self._ended = True  # it shows itself, with its reason, to whoever writes next
            return True
        self._aside += data
        return bool(data) or self._ended

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, deadline: float) -> None:
        connection = context.wrap_socket(
            self._sock, server_hostname=server_hostname, do_handshake_on_connect=False
        )
        self._finish_handshake(connection, deadline)

    def serve_tls(self, context: ssl.SSLContext, deadline: float) -> None:
        """Shake hands as the server. What came before and was not read is dropped (RFC 3207 section 4.2)."""
        self._aside.clear()
        connection = context.wrap_socket(self._sock, server_side=True, do_handshake_on_connect=False)
        self._finish_handshake(connection, deadline)

    def give_back(self, data: bytes) -> None:
        """Let this be read next."""
        self._aside[:0] = data

    def end_input(self) -> None:
        """Nothing more is read: who waits for input is told that the peer has closed. For any thread."""
        with contextlib.suppress(OSError, ValueError):
            socket.socket.shutdown(self._sock, socket.SHUT_RD)

    def _finish_handshake(self, connection: ssl.SSLSocket, deadline: float) -> None:
        self._sock = self.tls = connection
        while True:
            try:
                connection.do_handshake()
            except ssl.SSLWantReadError:
                _wait(self._input, deadline, self._interrupt)
            except ssl.SSLWantWriteError:
                _wait(_polled(connection, select.POLLOUT), deadline, self._interrupt)
            else:
                return

    def ignore_interrupt(self) -> None:
        self._interrupt = None

    def close(self) -> None:
        self._ended = True
        self._aside.clear()
        with contextlib.suppress(OSError, ValueError):
            self._sock.close()

    def _receive(self) -> tuple[bytes, int]:
        """What is there, or what to wait for. An end of the stream is noted."""
        if self._owner != os.getpid():
            raise _of_another_process()
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return b"", select.POLLIN
        except ssl.SSLWantWriteError:
            return b"", select.POLLOUT
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        self._ended = not data
        return data, 0

    def _read_aside(self) -> None:
        while len(self._aside) <= MAX_READ_ASIDE:
            # A broken connection shows itself to whoever reads or writes next, with its reason.
            try:
                data, _ = self._receive()
            except OSError:
                self._ended = True
                return
            if not data:
                return
            self._aside += data
        raise ConnectionAbortedError(f"more than {MAX_READ_ASIDE} octets that nobody asked for")


def _of_another_process() -> OSError:
    return OSError(errno.EBADF, "the connection belongs to the process that this one was forked from")


def _polled(sock: socket.socket, events: int) -> select.poll:
    """What tells when one of `events` happens at a socket, by its number: the same once there is TLS on it."""
    poll = select.poll()
    poll.register(sock, events)
    return poll


def _wait(poll: select.poll, deadline: float, interrupt: Callable[[], None] | None) -> None:
    """Wait for what `poll` is about; `interrupt` is called again and again. Raises `TimeoutError` at the deadline."""
    while True:
        if interrupt is not None:
            interrupt()
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if poll.poll(1000 * (left if interrupt is None else min(left, _INTERRUPT_INTERVAL))):
            return


def connect(
    host: str,
    port: int,
    timeout: float,
    interrupt: Callable[[], None] | None = None,
    reached: Callable[[Step], None] | None = None,
) -> SocketStream:
    """Connect to the first address of `host` that answers, within `timeout` seconds over all. Raises `ConnectError`.

    `reached` is called once the name is resolved.
    """
    deadline = time.monotonic() + timeout
    addresses = _resolve(host, port, deadline, interrupt)
    if reached is not None:
        reached(Step.NAME_RESOLUTION)
    trouble: OSError | None = None
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        left = (deadline - time.monotonic()) / (len(addresses) - index)
        if left <= 0:
            break
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as exc:
            trouble = exc
            continue
        try:
            sock.setblocking(False)
            error = sock.connect_ex(address)
            if error == errno.EINPROGRESS:
                _wait(_polled(sock, select.POLLOUT), time.monotonic() + left, interrupt)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            return SocketStream(sock, interrupt)
        except OSError as exc:
            sock.close()
            trouble = exc
        except BaseException:
            sock.close()
            raise
    reason = "no answer in time" if trouble is None or isinstance(trouble, TimeoutError) else _why(trouble)
    raise ConnectError(
        f"no connection to {host}:{port}: {reason}",
        step=Step.CONNECT,
        category=Category.NETWORK,
        retryable=True,
        hint="Check server and port, and that nothing between here and there blocks the port.",
    ) from trouble


def _resolve(host: str, port: int, deadline: float, interrupt: Callable[[], None] | None) -> list[Any]:
    """The addresses of `host`. The system's resolver knows no timeout, so it is asked in a thread."""
    # A text would be taken for an international name, and the tables for those take a millisecond to load.
    name = host.encode() if host.isascii() else host
    found: list[Any] = []
    trouble: list[OSError] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            trouble.append(exc if isinstance(exc, OSError) else socket.gaierror(socket.EAI_NONAME, str(exc)))

    try:  # an address needs no looking up
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        thread = threading.Thread(target=ask, daemon=True, name="name resolution")
        thread.start()
        while thread.is_alive() and (left := deadline - time.monotonic()) > 0:
            if interrupt is not None:
                interrupt()
            thread.join(left if interrupt is None else min(left, _INTERRUPT_INTERVAL))
    if found:
        return found
    unknown = bool(trouble) and getattr(trouble[0], "errno", None) in (socket.EAI_NONAME, socket.EAI_NODATA)
    raise ConnectError(
        f"the name {host} does not exist" if unknown else f"the name {host} could not be looked up",
        step=Step.NAME_RESOLUTION,
        category=Category.CONFIGURATION if unknown else Category.NETWORK,
        retryable=not unknown,
        hint="" if unknown else "Check this machine's name service (DNS).",
        reason=Reason.UNKNOWN_NAME if unknown else Reason.NONE,
    ) from (trouble[0] if trouble else None)


def _why(exc: OSError) -> str:
    return (exc.strerror or type(exc).__name__).lower()
