"""What is known of mail providers: server, TLS, limits, OAuth endpoints, each with where it is published.

A profile fills in an asset when it is added, and is not looked at afterwards: what the asset says counts, and can
be changed there. The data is in profiles.json beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("profiles.json")


@dataclass(frozen=True, slots=True)
class Limits:
    """None: not known. `message_octets` counts the message as it travels, in base64."""

    max_connections: int | None = None
    messages_per_minute: int | None = None
    recipients_per_day: int | None = None
    recipients_per_message: int | None = None
    message_octets: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where something about a provider is published, and the day as of which it was read (ISO 8601)."""

    url: str
    seen: str


@dataclass(frozen=True, slots=True)
class Profile:
    """One provider. `mx` are the ends of the names that its customers' MX records have.

    `logins` are the authentication types that it takes; `username` is what to log in as where that is no address.
    """

    id: str
    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...]
    server: str
    port: int
    ssl_config: str
    logins: tuple[str, ...]
    username: str
    auth_url: str
    token_url: str
    scopes: str
    limits: Limits
    notes: str
    sources: tuple[Source, ...]

    def asset_fields(self, address: str) -> dict[str, Any]:
        """Return what an asset for the mailbox `address` can be filled in with; what is not known is left out."""
        fields = {
            "server": self.server,
            "port": self.port,
            "ssl_config": self.ssl_config,
            "username": self.username or address,
            "sender_address": address if self.username else "",
            "auth_url": self.auth_url,
            "token_url": self.token_url,
            "scopes": self.scopes,
            "max_connections": self.limits.max_connections,
            "messages_per_minute": self.limits.messages_per_minute,
            "recipients_per_day": self.limits.recipients_per_day,
        }
        return {name: value for name, value in fields.items() if value}


@cache
def profiles() -> tuple[Profile, ...]:
    """Return all of them."""
    data = json.loads(_DATA.read_text(encoding="utf-8"))
    return tuple(_profile(entry) for entry in data["providers"])


def find(address: str, mx_names: Iterable[str] = ()) -> Profile | None:
    """Return the provider of a mailbox: by its domain, else by the domain's MX host names, the preferred one first."""
    domain = address.rpartition("@")[2]
    return by_domain(domain) or by_mx(mx_names)


def by_domain(domain: str) -> Profile | None:
    """Return the provider whose own domain this, or one above it, is."""
    return _nearest(domain, {own: profile for profile in profiles() for own in profile.domains})


def by_mx(mx_names: Iterable[str]) -> Profile | None:
    """Return the provider of the first MX host name that is known."""
    ends = {end: profile for profile in profiles() for end in profile.mx}
    return next(filter(None, (_nearest(name, ends) for name in mx_names)), None)


def _nearest(name: str, known: Mapping[str, Profile]) -> Profile | None:
    """What is known of `name` or else of the nearest domain above it."""
    labels = name.strip().strip(".").lower().split(".")
    for start in range(len(labels)):
        profile = known.get(".".join(labels[start:]))
        if profile is not None:
            return profile
    return None


def _profile(entry: Mapping[str, Any]) -> Profile:
    oauth = entry.get("oauth", {})
    return Profile(
        id=entry["id"],
        name=entry["name"],
        domains=tuple(entry["domains"]),
        mx=tuple(entry["mx"]),
        server=entry["server"],
        port=entry["port"],
        ssl_config=entry["ssl_config"],
        logins=tuple(entry["logins"]),
        username=entry.get("username", ""),
        auth_url=oauth.get("auth_url", ""),
        token_url=oauth.get("token_url", ""),
        scopes=oauth.get("scopes", ""),
        limits=Limits(**entry.get("limits", {})),
        notes=entry.get("notes", ""),
        sources=tuple(Source(**source) for source in entry["sources"]),
    )
