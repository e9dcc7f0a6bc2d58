"""The servers of an account: its own, and those to go on with when that can't be reached or breaks off."""

from __future__ import annotations

from typing import NamedTuple

from delivery.asset import Asset
from smtp.options import Habits


class Server(NamedTuple):
    """`habits` are what was found of it on the connections of a run."""

    host: str
    port: int
    habits: Habits

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def servers_of(asset: Asset) -> tuple[Server, ...]:
    """Return them in the order in which they are tried. A port that is not given is the asset's."""
    servers = [Server(asset.login.server, asset.login.port, Habits())]
    for text in filter(None, asset.fallback_servers.split(",")):
        host, colon, port = text.strip().rpartition(":")
        if not colon or (host.startswith("[") and not host.endswith("]")):  # a colon of an IPv6 address
            host, port = text.strip(), ""
        servers.append(Server(host.strip("[]"), int(port) if port else asset.login.port, Habits()))
    return tuple(servers)
