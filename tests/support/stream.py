"""A double of `smtp.stream.Stream` that is a list of octets: what is said, and what must be heard before it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

Lines = tuple[bytes, bytes]
"""Once the first has been written by us, the second can be read. An empty first waits for nothing."""


class ListStream:
    """A peer that follows a list. When all is said it has closed, or goes silent with `silent_at_end`.

    `octets_per_read` cuts everything it says into pieces of that size; no read goes across the octet number
    `split_at` of all that it says. `written` holds what it was told, one
    item a write; `allow` is asked before each write, and may raise `OSError` to break the connection.
    """

    peer = "192.0.2.1"
    local = "192.0.2.2"
    is_proxied = False
    tls: ssl.SSLSocket | None = None

    def __init__(
        self,
        dialogue: Sequence[Lines],
        *,
        octets_per_read: int = 0,
        split_at: int = 0,
        silent_at_end: bool = False,
        allow: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self.handshakes: list[str] = []
        """The host name of each TLS handshake."""
        self._dialogue = list(dialogue)
        self._heard = bytearray()
        self._said = bytearray()
        self._octets = octets_per_read
        self._split_at = split_at
        self.octets_read = 0
        self._silent_at_end = silent_at_end
        self._allow = allow
        self._release()

    @property
    def sent(self) -> bytes:
        """All that was written."""
        return b"".join(self.written)

    def read(self, deadline: float) -> bytes:
        if not self._said:
            if self._dialogue or self._silent_at_end:
                raise TimeoutError
            return b""
        count = self._octets or len(self._said)
        if self.octets_read < self._split_at:
            count = min(count, self._split_at - self.octets_read)
        data = bytes(self._said[:count])
        del self._said[:count]
        self.octets_read += len(data)
        return data

    def write(self, data: bytes, deadline: float) -> None:
        self._allow(data)
        self.written.append(bytes(data))
        self._heard += data
        self._release()

    def cork(self, on: bool) -> None:
        """A list knows no packets."""

    def has_input(self) -> bool:
        return bool(self._said) or not (self._dialogue or self._silent_at_end)

    def start_tls(self, context: ssl.SSLContext, server_hostname: str, deadline: float) -> None:
        self.handshakes.append(server_hostname)

    def ignore_interrupt(self) -> None:
        """Nobody asks a list to stop."""

    def close(self) -> None:
        """As with a socket, nothing is left to read then."""
        self.is_closed = True
        self._dialogue.clear()
        self._said.clear()

    def _release(self) -> None:
        while self._dialogue and self._dialogue[0][0] in self._heard:
            trigger, said = self._dialogue.pop(0)
            del self._heard[: self._heard.index(trigger) + len(trigger)]
            self._said += said
