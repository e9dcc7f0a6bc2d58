"""A way to a mail server that breaks: connections end at random, and answers are on their way for a while."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time

from tests.support.listening import Listening

ANSWERS_TAKE = 0.02
"""Seconds."""
LASTS = 120_000
"""Octets, of both directions, that a connection lives for on average."""


class BreakingProxy(Listening):
    """Serves inside a `with`. `broken` is how many connections it has ended by itself."""

    def __init__(self, target: tuple[str, int], chance: random.Random) -> None:
        self._target = target
        self._chance = chance
        self.broken = 0

    def _connection(self, client: socket.socket) -> None:
        left = [self._chance.expovariate(1 / LASTS)]
        with client, contextlib.suppress(OSError), socket.create_connection(self._target) as server:
            to_server = threading.Thread(target=self._pump, args=(client, server, left, 0.0), daemon=True)
            to_server.start()
            self._pump(server, client, left, ANSWERS_TAKE)
            to_server.join()

    def _pump(self, source: socket.socket, target: socket.socket, left: list[float], delay: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(delay)
                left[0] -= len(data)
                if left[0] < 0:
                    self.broken += 1
                    target.sendall(data[: self._chance.randrange(len(data) + 1)])
                    _reset(source)
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _reset(sock: socket.socket) -> None:
    """Let its end be a reset, with what is on its way lost."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
