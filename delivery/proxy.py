"""The asset's proxy, read from its URL."""

from __future__ import annotations

from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from delivery.errors import UnusableSetting
from smtp.proxy.handshake import HTTP, SOCKS5, Proxy

_PORTS = MappingProxyType({SOCKS5: 1080, HTTP: 80})


def proxy_from(url: str) -> Proxy:
    """`socks5://user:password@host:port` or `http://…`. Raises `UnusableSetting`, without the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as exc:
        raise UnusableSetting("proxy", "host or port is not right") from exc
    if parts.scheme not in _PORTS:
        raise UnusableSetting("proxy", "it has to begin with socks5:// or http://")
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UnusableSetting(
            "proxy", "it has to be SCHEME://USER:PASSWORD@HOST:PORT, user and password if need be"
        )
    return Proxy(
        parts.scheme,
        host,
        port if port is not None else _PORTS[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
