"""A proxy that spoils connections by a plan: it cuts, resets, stalls and corrupts, at an octet that a seed chose."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

FILLER = b"~"
"""What messages are filled with: the only octets that are ever changed on their way to the server without TLS."""
_PIECE = 16 * 1024
_FARTHEST = 400_000
_UNTOUCHED = 0.4
"""The share of connections that nothing happens to."""


class Trouble(StrEnum):
    NONE = "none"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one connection: at which octet, on the way to the server or from it."""

    trouble: Trouble
    to_server: bool
    at: int


def plan(seed: str) -> Plan:
    """Early octets are as likely as late ones: what is said in a few octets matters as much as a large message."""
    chance = random.Random(seed)
    if chance.random() < _UNTOUCHED:
        return Plan(Trouble.NONE, True, 0)
    troubles = (Trouble.CLOSE, Trouble.RESET, Trouble.STALL, Trouble.CORRUPT)
    (trouble,) = chance.choices(troubles, (4, 4, 1, 3))
    return Plan(trouble, chance.random() < 0.5, int(_FARTHEST ** chance.random()))


class Proxy:
    """Listens on a port of this machine's choosing and passes everything on to `target`, spoilt by `seed`.

    Where TLS protects the connection (`encrypted`), any octet may be changed. Where nothing does, a change could
    make one reply of another, and no client could know: there only the filler of messages is changed, and
    replies are made into something that is no reply.
    """

    def __init__(self, target: int, seed: str, *, encrypted: bool) -> None:
        self._target = target
        self._seed = seed
        self._encrypted = encrypted
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port = int(self._listener.getsockname()[1])
        self.troubles: Counter[Trouble] = Counter()
        """What has happened, not only been planned."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                number += 1
                server = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._open |= {client, server}
                connection = _Connection(self, client, server, plan(f"{self._seed} {number}"))
                for to_server in (True, False):
                    threading.Thread(target=connection.pump, args=(to_server,), daemon=True).start()

    def changed(self, piece: bytes, at: int, *, to_server: bool) -> bytes:
        """`piece` with one octet other than it was, from `at` on; as it is where none may be changed."""
        if self._encrypted:
            return piece[:at] + bytes((piece[at] ^ 0x20,)) + piece[at + 1 :]
        if to_server:
            at = piece.find(FILLER, at)
            return piece[:at] + b"#" + piece[at + 1 :] if at >= 0 else piece
        if piece[at] in b"\r\n":
            return piece
        return piece[:at] + b"*" + piece[at + 1 :]

    def ended(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open -= set(sockets)


class _Connection:
    """One client and its server, with a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, planned: Plan) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._plan = planned
        self._is_over = False
        self._left = 2
        self._lock = threading.Lock()

    def pump(self, to_server: bool) -> None:
        source, sink = (self._client, self._server) if to_server else (self._server, self._client)
        passed, is_stalled = 0, False
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if is_stalled:
                    continue
                here = self._plan.to_server is to_server and passed + len(piece) > self._plan.at
                if here and self._plan.trouble is not Trouble.NONE and not self._is_over:
                    before = max(0, self._plan.at - passed)
                    is_stalled, piece = self._spoil(piece, before, to_server=to_server)
                passed += len(piece)
                sink.sendall(piece)
        self._end()

    def _spoil(self, piece: bytes, at: int, *, to_server: bool) -> tuple[bool, bytes]:
        """Do what is planned. Returns whether nothing passes any more, and what does. Raises `OSError` at an end."""
        trouble = self._plan.trouble
        if trouble is Trouble.CORRUPT:
            changed = self._proxy.changed(piece, at, to_server=to_server)
            if changed != piece:
                self._happened()
            return False, changed
        self._happened()
        if trouble is Trouble.STALL:
            return True, piece[:at]
        (self._server if to_server else self._client).sendall(piece[:at])
        if trouble is Trouble.RESET:
            for sock in (self._client, self._server):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError

    def _happened(self) -> None:
        self._is_over = True
        self._proxy.troubles[self._plan.trouble] += 1

    def _end(self) -> None:
        """The first direction to end wakes the other one; the second closes."""
        sockets = self._client, self._server
        # A reset is made by closing: nothing that says goodbye may leave before it.
        how = socket.SHUT_RD if self._is_over and self._plan.trouble is Trouble.RESET else socket.SHUT_RDWR
        for sock in sockets:
            with suppress(OSError):
                sock.shutdown(how)
        with self._lock:
            self._left -= 1
            if self._left:
                return
        self._proxy.ended(*sockets)
        for sock in sockets:
            sock.close()
