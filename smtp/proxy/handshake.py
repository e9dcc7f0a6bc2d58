"""What is said to a proxy before it is as if the server itself were there.

SMTP's server speaks first, so its greeting may come in one segment with the proxy's last word: a handshake takes no
octet that isn't the proxy's, and `rest` is what came behind.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

SOCKS5, HTTP = "socks5", "http"
MAX_HEADER = 16 * 1024
"""Octets of an HTTP proxy's answer."""
MAX_FIELD = 255
"""Octets of a name or password (RFC 1929 section 2), and of a host's name (RFC 1928 section 5)."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. With `token` (SOCKS5 only) it is shown that instead of a password, and the `location` behind it.

    That is method 0x80 of SAP's Connectivity service: a JSON Web Token, and the id of a Cloud Connector.
    """

    kind: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    location: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind} proxy {self.host}:{self.port}"


class ProxyRefused(Exception):
    """The proxy said no, or something that no such proxy says. `is_about_us` tells that other settings may help."""

    def __init__(self, text: str, *, is_about_us: bool = False) -> None:
        super().__init__(text)
        self.is_about_us = is_about_us


class Handshake(Protocol):
    """One dialogue with a proxy."""

    @property
    def is_done(self) -> bool:
        """The server is there: `rest` is what it has said already."""

    @property
    def rest(self) -> bytes: ...

    def start(self) -> bytes:
        """What to write first."""

    def receive(self, data: bytes) -> bytes:
        """Take what the proxy said; what to write next, b"" to wait for more. Raises `ProxyRefused`."""


def handshake(proxy: Proxy, host: str, port: int) -> Handshake:
    """For a connection to `host`:`port`. Raises `ProxyRefused` for what can't be said to such a proxy."""
    return HttpHandshake(proxy, host, port) if proxy.kind == HTTP else Socks5Handshake(proxy, host, port)


_NOTHING, _PASSWORD, _TOKEN, _NO_METHOD = 0x00, 0x02, 0x80, 0xFF
# RFC 1928 section 6
_REFUSALS = MappingProxyType(
    {
        1: "it failed for no reason that it gives",
        2: "its rules do not allow this connection",
        3: "the network can't be reached from there",
        4: "the server can't be reached from there",
        5: "the server refused the connection",
        6: "the server did not answer in time",
        7: "it can't connect for others",
        8: "it does not know this kind of address",
    }
)
_IPV4, _NAME, _IPV6 = 1, 3, 4


class Socks5Handshake:
    """The client's half of RFC 1928, with a password (RFC 1929), a token, or neither."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._proxy = proxy
        self._request = b"\x05\x01\x00" + _address(host) + port.to_bytes(2, "big")
        self._buffer = b""
        self._next: Callable[[], bytes | None] = self._method
        self.is_done = False
        if proxy.token:
            self._offered = _TOKEN
            self._login = _token_login(proxy)
        elif proxy.username:
            self._offered = _PASSWORD
            self._login = b"\x01" + _counted(proxy.username) + _counted(proxy.password)
        else:
            self._offered, self._login = _NOTHING, b""

    @property
    def rest(self) -> bytes:
        return self._buffer

    def start(self) -> bytes:
        # A proxy that has methods to choose from may take the one without a login.
        methods = bytes({self._offered, _NOTHING}) if self._offered == _PASSWORD else bytes((self._offered,))
        return b"\x05" + bytes((len(methods),)) + methods

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        written = b""
        while not self.is_done and (said := self._next()) is not None:
            written += said
        return written

    def _taken(self, count: int) -> bytes | None:
        if len(self._buffer) < count:
            return None
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _method(self) -> bytes | None:
        answer = self._taken(2)
        if answer is None:
            return None
        if answer[0] != 5:
            raise ProxyRefused("it is no SOCKS5 proxy", is_about_us=True)
        if answer[1] == self._offered and self._login:
            self._next = self._verdict
            return self._login
        if answer[1] == _NOTHING and self._offered != _TOKEN:
            self._next = self._connected
            return self._request
        raise ProxyRefused("it wants another kind of login than it was offered", is_about_us=True)

    def _verdict(self) -> bytes | None:
        answer = self._taken(2)
        if answer is None:
            return None
        if answer[1] != 0:
            raise ProxyRefused("it did not accept the login", is_about_us=True)
        self._next = self._connected
        return self._request

    def _connected(self) -> bytes | None:
        if len(self._buffer) < 2:
            return None
        if self._buffer[0] != 5:
            raise ProxyRefused("its answer is not SOCKS5")
        if self._buffer[1] != 0:
            code = self._buffer[1]
            reason = _REFUSALS.get(code, f"it answered with code {code}")
            raise ProxyRefused(reason, is_about_us=code == 2)
        if len(self._buffer) < 5:
            return None
        lengths = {_IPV4: 4, _IPV6: 16, _NAME: 1 + self._buffer[4]}
        length = lengths.get(self._buffer[3])
        if length is None:
            raise ProxyRefused("its answer has an address of no known kind")
        if self._taken(4 + length + 2) is not None:
            self.is_done = True
        return None


class HttpHandshake:
    """CONNECT, with a password (RFC 7617) or without."""

    def __init__(self, proxy: Proxy, host: str, port: int) -> None:
        self._buffer = b""
        self.is_done = False
        if not re.fullmatch(r"[!-~]+", host):
            raise ProxyRefused("this host name can't be said to an HTTP proxy", is_about_us=True)
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.username:
            login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {login}")
        self._request = "\r\n".join([*lines, "", ""]).encode()

    @property
    def rest(self) -> bytes:
        return self._buffer

    def start(self) -> bytes:
        return self._request

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER or (end < 0 and len(self._buffer) > MAX_HEADER):
            raise ProxyRefused("its answer has no end")
        first = self._buffer.split(b"\r\n", 1)[0]
        is_http = first[:5] == b"HTTP/"[: len(first)]
        if not is_http:
            raise ProxyRefused("it is no HTTP proxy", is_about_us=True)
        if end < 0:
            return b""
        match = re.match(rb"HTTP/\d\.\d (\d{3})(?: |$)", first)
        if match is None:
            raise ProxyRefused("it is no HTTP proxy", is_about_us=True)
        code = int(match[1])
        if code == 407:
            raise ProxyRefused("it did not accept the login (407)", is_about_us=True)
        if code // 100 != 2:
            raise ProxyRefused(f"it answered with {code}", is_about_us=code in (400, 403, 405))
        self._buffer = self._buffer[end + 4 :]
        self.is_done = True
        return b""


def _address(host: str) -> bytes:
    """An IP address as it is, a name as a name: the proxy is to look it up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return bytes((_NAME,)) + _counted(host)
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


def _token_login(proxy: Proxy) -> bytes:
    token = proxy.token.encode()
    location = base64.b64encode(proxy.location.encode()) if proxy.location else b""
    if len(location) > MAX_FIELD:
        raise ProxyRefused("the location id is too long", is_about_us=True)
    return b"\x01" + len(token).to_bytes(4, "big") + token + bytes((len(location),)) + location


def _counted(text: str) -> bytes:
    octets = text.encode()
    if not 0 < len(octets) <= MAX_FIELD:
        raise ProxyRefused("a name or password has no octet, or more than 255", is_about_us=True)
    return bytes((len(octets),)) + octets
