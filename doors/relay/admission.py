"""Who may come in: networks first, then accounts, else nobody but this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from doors.relay.accounts import Accounts
from smtp.loopback import is_loopback

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one relay. Without networks and accounts whoever reaches it may send: it is on loopback then."""

    networks: tuple[Network, ...] = ()
    accounts: Accounts | None = None

    def is_trusted(self, peer: str) -> bool:
        """Whether a client from this address may send without an account."""
        if self.networks:
            return _is_within(peer, self.networks)
        return self.accounts is None and is_loopback(peer)

    def may_connect(self, peer: str) -> bool:
        """Whether there is anything that this client could do to be let in."""
        return self.accounts is not None or self.is_trusted(peer)


def network(text: str) -> Network:
    """`192.0.2.0/24`, or an address alone. Raises `ValueError`."""
    return ipaddress.ip_network(text, strict=False)


def _is_within(peer: str, networks: tuple[Network, ...]) -> bool:
    address = ipaddress.ip_address(peer.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
