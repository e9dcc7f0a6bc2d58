"""What a client says of itself in a login: the receiving half of PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER.

Nothing is judged here: what comes out is a name, and a password or a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClientLogin:
    """Who somebody says to be. `secret` is a password, or with `is_token` an OAuth token."""

    name: str
    secret: str = field(repr=False)
    is_token: bool = False


class BadResponse(ValueError):
    """The client's answer has not the form of its mechanism."""


class Exchange(Protocol):
    """One login under way."""

    def take(self, response: bytes | None) -> bytes | ClientLogin:
        """The next challenge, or what the client has said of itself. Raises `BadResponse`.

        None is given first where AUTH brought no response with it.
        """


class PlainExchange:
    """RFC 4616. Who acts for somebody else (an authorization identity) has to be that one."""

    def take(self, response: bytes | None) -> bytes | ClientLogin:
        if response is None:
            return b""
        parts = _text(response).split("\0")
        if len(parts) != 3 or not parts[1] or parts[0] not in ("", parts[1]):
            raise BadResponse
        return ClientLogin(parts[1], parts[2])


class LoginExchange:
    """LOGIN: two prompts. Some clients send the name with the command."""

    def __init__(self) -> None:
        self._name: str | None = None

    def take(self, response: bytes | None) -> bytes | ClientLogin:
        if response is None:
            return b"Username:"
        if self._name is None:
            self._name = _text(response)
            return b"Password:"
        return ClientLogin(self._name, _text(response))


class XOAuth2Exchange:
    """`user=NAME^Aauth=Bearer TOKEN^A^A`."""

    def take(self, response: bytes | None) -> bytes | ClientLogin:
        if response is None:
            return b""
        fields = _fields(_text(response))
        return ClientLogin(fields.get("user", ""), _bearer(fields), is_token=True)


class OAuthBearerExchange:
    """RFC 7628 section 3.1: a header that names the user, then the fields."""

    def take(self, response: bytes | None) -> bytes | ClientLogin:
        if response is None:
            return b""
        header, _, rest = _text(response).partition("\x01")
        parts = header.split(",")
        if len(parts) != 3 or parts[0] not in ("n", "y") or parts[1][:2] not in ("", "a="):
            raise BadResponse
        name = parts[1][2:].replace("=2C", ",").replace("=3D", "=")
        return ClientLogin(name, _bearer(_fields(rest)), is_token=True)


PASSWORDS: Mapping[str, Callable[[], Exchange]] = MappingProxyType(
    {"PLAIN": PlainExchange, "LOGIN": LoginExchange}
)
TOKENS: Mapping[str, Callable[[], Exchange]] = MappingProxyType(
    {"XOAUTH2": XOAuth2Exchange, "OAUTHBEARER": OAuthBearerExchange}
)


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise BadResponse from None


def _fields(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split("\x01") if part)
    return {name.lower(): value for name, _, value in parts}


def _bearer(fields: dict[str, str]) -> str:
    kind, _, token = fields.get("auth", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip() or not token.isprintable():
        raise BadResponse
    return token.strip()
