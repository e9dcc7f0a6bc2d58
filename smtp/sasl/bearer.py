"""The mechanisms that carry an OAuth access token: OAUTHBEARER (RFC 7628) and the older XOAUTH2.

Both report an error as a 334 challenge that holds JSON, and both want it answered before the 5xx comes.
"""

from __future__ import annotations

import json
from typing import ClassVar

from smtp.errors import AuthenticationFailed
from smtp.sasl.plain import OneMessage, unusable, utf8
from smtp.text import Concealer, showable


class _Bearer(OneMessage):
    """A challenge that isn't empty is the server's error."""

    error_answer: ClassVar[bytes]

    def __init__(self, username: str, token: str) -> None:
        self._username, self._token = username, token

    def respond(self, challenge: bytes) -> bytes:
        if self.reason:
            raise AuthenticationFailed(f"The server went on after its error challenge: {self.reason}")
        if not challenge:
            return super().respond(challenge)
        self.reason = _explained(challenge, self._token)
        return self.error_answer

    def finish(self) -> None:
        # RFC 7628 section 3.2.3: after an error challenge the exchange can only fail.
        if self.reason:
            raise AuthenticationFailed(f"The server reported an error and then accepted: {self.reason}")


class OAuthBearer(_Bearer):
    """RFC 7628 section 3.1. It names the host and port, so that a token passed on elsewhere is noticed."""

    name = "OAUTHBEARER"
    error_answer = b"\x01"

    def __init__(self, username: str, token: str, host: str, port: int) -> None:
        super().__init__(username, token)
        self._host, self._port = host, port

    def message(self) -> bytes:
        authzid = self._username.replace("=", "=3D").replace(",", "=2C")
        return _joined(
            self.name,
            f"n,a={authzid},",
            f"host={self._host}",
            f"port={self._port}",
            f"auth=Bearer {self._token}",
        )


class XOAuth2(_Bearer):
    """Google's and Microsoft's own form, from before there was an RFC. An empty line answers its error."""

    name = "XOAUTH2"
    error_answer = b""

    def message(self) -> bytes:
        return _joined(self.name, f"user={self._username}", f"auth=Bearer {self._token}")


def _joined(name: str, *parts: str) -> bytes:
    """The parts of RFC 7628 section 3.1, each ended by ^A, and one more ^A."""
    if not all(part.isprintable() for part in parts):
        raise unusable(f"{name} can't carry control characters in a user name or token.")
    return utf8("\x01".join(parts) + "\x01\x01")


def _explained(challenge: bytes, token: str) -> str:
    """The JSON of RFC 7628 section 3.2.2, or whatever came instead, as one line."""
    text = challenge.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        names = ("status", "error", "error_description", "scope", "schemes")
        facts = [f"{name} {answer[name]}" for name in names if isinstance(answer.get(name), str | int)]
        text = ", ".join(facts) or text
    return showable(Concealer(token).hide(text)) or "an error without an explanation"
