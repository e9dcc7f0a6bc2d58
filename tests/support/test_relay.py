"""The relay lets pass what it should and no octet more."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from tests.support.relay import DOWN, UP, Relay
from tests.support.scripted import ScriptedServer

HELLO = b"EHLO client.test\r\n"


def said(relay: Relay) -> bytes:
    """What comes back for a hello and a farewell."""
    heard = b""
    with socket.create_connection((relay.host, relay.port), timeout=2) as sock, suppress(ConnectionError):
        sock.sendall(HELLO + b"QUIT\r\n")
        while data := sock.recv(65536):
            heard += data
    return heard


def test_a_whole_dialogue_passes() -> None:
    with ScriptedServer() as server, Relay(server.port) as relay:
        assert said(relay).endswith(b"221 2.0.0 bye\r\n")
    assert relay.passed[UP] == len(HELLO + b"QUIT\r\n")


@pytest.mark.parametrize("octets", [0, 1, 9])
def test_the_first_connection_is_cut_and_the_second_is_not(octets: int) -> None:
    with ScriptedServer() as server, Relay(server.port, DOWN, octets) as relay:
        assert said(relay) == b"220 scripted.test"[:octets]
        assert said(relay).endswith(b"221 2.0.0 bye\r\n")


def test_what_goes_up_is_cut_too() -> None:
    with ScriptedServer() as server, Relay(server.port, UP, len(HELLO) - 1) as relay:
        assert b"250" not in said(relay)
        server.wait_until_served()
    assert server.log.commands == []
