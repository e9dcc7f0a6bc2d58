"""A proxy on this machine: SOCKS5 or HTTP CONNECT, that may put the server's first words into its own last packet."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from dataclasses import dataclass, field

from tests.support.listening import Listening

GREETING_SECONDS = 0.3


@dataclass
class TestProxy(Listening):
    """Serves inside a `with`. `login` is `(user, password)`, `token` what method 0x80 has to bring.

    Wherever a client wants to go, `target` is where it gets to. `wanted` has what was asked for, `heard` the logins.
    """

    __test__ = False

    kind: str
    target: tuple[str, int]
    login: tuple[str, str] | None = None
    token: str = ""
    refusal: bytes = b""
    wanted: list[bytes] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    def _connection(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), client:
            client.settimeout(30)
            answer = self._http(client) if self.kind == "http" else self._socks(client)
            if not answer:
                return
            with socket.create_connection(self.target, timeout=30) as server:
                # A greeting travels in one segment with our last word; behind TLS from the first octet there is none.
                greets = select.select([server], [], [], GREETING_SECONDS)[0]
                client.sendall(answer + (server.recv(4096) if greets else b""))
                there = threading.Thread(target=_pump, args=(client, server), daemon=True)
                there.start()
                _pump(server, client)

    def _http(self, client: socket.socket) -> bytes:
        header = b""
        while not header.endswith(b"\r\n\r\n"):
            header += _exactly(client, 1)
        self.wanted.append(header.split(b" ")[1])
        self.heard.append(header)
        if self.refusal:
            client.sendall(self.refusal)
            return b""
        return b"HTTP/1.1 200 OK\r\n\r\n"

    def _socks(self, client: socket.socket) -> bytes:
        methods = _exactly(client, _exactly(client, 2)[1])
        wanted = 0x80 if self.token else 0x02 if self.login else 0x00
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return b""
        client.sendall(bytes((5, wanted)))
        if wanted == 0x80:
            length = int.from_bytes(_exactly(client, 5)[1:], "big")
            token = _exactly(client, length)
            location = _exactly(client, _exactly(client, 1)[0])
            self.heard += [token, location]
            good = token.decode() == self.token
        elif wanted == 0x02:
            name = _exactly(client, _exactly(client, 2)[1])
            password = _exactly(client, _exactly(client, 1)[0])
            self.heard += [name, password]
            good = (name.decode(), password.decode()) == self.login
        else:
            good = True
        if wanted:
            client.sendall(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            return b""
        kind = _exactly(client, 4)[3]
        length = {1: 4, 4: 16}.get(kind) or _exactly(client, 1)[0]
        address = _exactly(client, length)
        self.wanted.append(address + b":%d" % int.from_bytes(_exactly(client, 2), "big"))
        if self.refusal:
            client.sendall(self.refusal)
            return b""
        return b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
