"""SCRAM bound to real TLS connections, through the session and to the server's verdict."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from contextlib import suppress
from io import BufferedRWPair
from typing import Self

import pytest

from smtp.errors import AuthenticationRefused
from smtp.options import Options
from smtp.sasl.credentials import PasswordCredentials
from smtp.session import Session
from tests.smtp.scram_server import Server
from tests.support.authority import authority

SECRET = "c4nary"
BOTH = ("tls-unique", "tls-server-end-point")


class BindingServer:
    """One connection, TLS from the first byte, and SCRAM-SHA-256 with and without a binding to it.

    `kinds` are the types of binding that it knows. `auths` are the mechanisms that were tried.
    """

    def __init__(self, version: ssl.TLSVersion, kinds: tuple[str, ...]) -> None:
        leaf = authority().issue("localhost", "127.0.0.1")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(self._context)
        self._context.minimum_version = self._context.maximum_version = version
        der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
        self._end_point = hashlib.sha256(der).digest()
        self._kinds = kinds
        self.auths: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            client.settimeout(5)
            with self._context.wrap_socket(client, server_side=True) as secure:
                bindings = {
                    "tls-unique": secure.get_channel_binding("tls-unique") or b"",
                    "tls-server-end-point": self._end_point,
                }
                with secure.makefile("rwb") as lines:
                    self._talk(lines, {kind: bindings[kind] for kind in self._kinds})

    def _talk(self, lines: BufferedRWPair, bindings: dict[str, bytes]) -> None:
        say(lines, "220 scram.test ESMTP")
        for line in lines:
            command, *arguments = line.decode().split()
            if command == "EHLO":
                say(lines, "250-scram.test", "250 AUTH PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS")
            elif command == "AUTH":
                self.auths.append(arguments[0])
                say(lines, self._verdict(lines, base64.b64decode(arguments[1]), bindings))
            else:
                say(lines, "221 Bye")

    def _verdict(self, lines: BufferedRWPair, first: bytes, bindings: dict[str, bytes]) -> str:
        flag = first.split(b",")[0].decode()
        kind = flag.removeprefix("p=")
        if flag == "y" or (flag != "n" and kind not in bindings):
            return "535 5.7.8 This binding is not known"  # RFC 5802 section 6: y is a downgrade here
        server = Server(SECRET, binding=bindings.get(kind, b""))
        final = ask(lines, server.first(first))
        verdict = server.last(final)
        if verdict.startswith(b"e="):
            return "535 5.7.8 Authentication failed"
        ask(lines, verdict)
        return "235 2.7.0 Welcome"


def say(lines: BufferedRWPair, *replies: str) -> None:
    lines.write("".join(f"{reply}\r\n" for reply in replies).encode())
    lines.flush()


def ask(lines: BufferedRWPair, challenge: bytes) -> bytes:
    say(lines, "334 " + base64.b64encode(challenge).decode())
    return base64.b64decode(lines.readline())


def logged_in(server: BindingServer, password: str = SECRET) -> str:
    options = Options(implicit_tls=True, context=authority().client())
    with Session.connect("localhost", server.port, options) as session:
        session.hello("client.test")
        return session.authenticate(PasswordCredentials("ann", password))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_login_is_bound_to_its_tls_connection(version: ssl.TLSVersion) -> None:
    with BindingServer(version, BOTH) as server:
        assert logged_in(server) == "SCRAM-SHA-256-PLUS"
    assert server.auths == ["SCRAM-SHA-256-PLUS"]


def test_a_server_that_does_not_know_the_binding_is_logged_in_to_without_it() -> None:
    with BindingServer(ssl.TLSVersion.TLSv1_3, ("tls-unique",)) as server:
        assert logged_in(server) == "SCRAM-SHA-256"
    assert server.auths == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]


def test_a_wrong_password_is_tried_once_and_never_shown() -> None:
    with BindingServer(ssl.TLSVersion.TLSv1_3, BOTH) as server, pytest.raises(AuthenticationRefused):
        logged_in(server, "wrong")
    assert server.auths == ["SCRAM-SHA-256-PLUS"]
