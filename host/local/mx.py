"""Which hosts take a domain's mail: its MX records, as the system's name servers have them."""

from __future__ import annotations

PATIENCE = 5.0
"""Seconds for the whole question: it only saves somebody from looking something up."""


def mx_names(domain: str) -> tuple[str, ...]:
    """Return the names of the domain's mail hosts, the preferred one first; nothing where they can't be had."""
    from dns.exception import DNSException
    from dns.resolver import Resolver

    try:
        answer = Resolver().resolve(domain, "MX", lifetime=PATIENCE)
    except (DNSException, OSError, ValueError):
        return ()
    records = sorted((record.preference, str(record.exchange).rstrip(".").lower()) for record in answer)
    return tuple(name for _, name in records if name)
