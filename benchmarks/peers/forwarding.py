"""Programs that pass octets on and look at nothing: what is left of a relay when it does no work of its own.

As a program: `python -m benchmarks.peers.forwarding asyncio|sockets PORT`, which prints its own port. `asyncio` has two
protocols for each client, `sockets` a thread that waits for both of its sockets.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
import threading
from typing import cast

READ_SIZE = 64 * 1024


class Half(asyncio.Protocol):
    """One of the two connections; what comes in over it leaves over the other."""

    def __init__(self, other: Half | None, port: int = 0) -> None:
        self._other = other
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._other is None:  # the client, who hears nothing before the server is there
            self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        other = self._other = Half(self)
        await asyncio.get_running_loop().create_connection(lambda: other, "127.0.0.1", self._port)

    def data_received(self, data: bytes) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()


async def by_asyncio(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Half(None, port), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def by_sockets(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_pass_on, args=(client, port), daemon=True).start()


def _pass_on(client: socket.socket, port: int) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        others = {client.fileno(): (client, server), server.fileno(): (server, client)}
        poll = select.poll()
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(sock, select.POLLIN)
        try:
            while True:
                for number, _ in poll.poll():
                    source, target = others[number]
                    data = source.recv(READ_SIZE)
                    if not data:
                        return
                    target.sendall(data)
        except OSError:
            return


if __name__ == "__main__":
    if sys.argv[1] == "asyncio":
        asyncio.run(by_asyncio(int(sys.argv[2])))
    else:
        by_sockets(int(sys.argv[2]))
