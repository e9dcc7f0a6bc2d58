"""The servers of an account: its own, and those to go on with when that can't be reached or breaks off."""

from __future__ import annotations

import re
import threading
from typing import NamedTuple

from delivery.asset import Asset
from smtp.errors import ConnectionLost
from smtp.options import Habits
from smtp.outcome import Delivery, Status

IN_VAIN = 3
"""How often in a row each server may be left because it broke off, with no message dealt with in between."""
_SERVER = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]+))?")
"""As the manifest's schema lets it through; an IPv6 address has brackets."""


class Server(NamedTuple):
    """`habits` are what was found of it on the connections of a run."""

    host: str
    port: int
    habits: Habits

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Servers:
    """Those of one run, of which one is tried first. For several threads."""

    def __init__(self, asset: Asset) -> None:
        self._all = servers_of(asset)
        self.others = len(self._all) - 1
        """How many there are beside any one of them."""
        self._at = 0
        """The place of the one that the next connection is tried with first."""
        self._in_vain = 0
        self._lock = threading.Lock()

    def in_turn(self) -> tuple[Server, ...]:
        """All of them, in the order in which a connection is tried."""
        at = self._at
        return self._all[at:] + self._all[:at]

    def pass_over(self, name: str) -> None:
        """Begin with the next one, as this one can't be used; unless another session has seen to that."""
        with self._lock:
            if name == str(self._all[self._at]):
                self._at = (self._at + 1) % len(self._all)

    def leave(self, name: str) -> bool:
        """Do the same as this one broke off; unless that was in vain too often, and is not worth the wait."""
        with self._lock:
            if name == str(self._all[self._at]):
                if self._in_vain == IN_VAIN * self.others:
                    return False
                self._in_vain += 1
                self._at = (self._at + 1) % len(self._all)
            return True

    def dealt_with_one(self) -> None:
        """A server has dealt with a message, whatever it said to it."""
        self._in_vain = 0


def servers_of(asset: Asset) -> tuple[Server, ...]:
    """Return them in the order in which the asset names them. A port that is not given is the asset's own."""
    own = asset.login
    servers = [Server(own.server, own.port, Habits())]
    for text in filter(None, asset.fallback_servers.split(",")):
        found = _SERVER.fullmatch(text.strip())
        assert found is not None  # noqa: S101 - the manifest's schema has checked it
        host, port = found.groups()
        servers.append(Server(host.strip("[]"), int(port or own.port), Habits()))
    return tuple(servers)


def broke_off(delivery: Delivery) -> bool:
    """Whether nobody has the message because its connection came to an end, and for no other reason.

    With 421 the service ends, which says nothing about the message (RFC 5321 section 3.8).
    """
    failure = delivery.failure
    has_ended = failure is not None and (isinstance(failure, ConnectionLost) or failure.code == 421)
    return has_ended and all(one.status is Status.NOT_TRIED for one in delivery.recipients)
