"""The messages of a cell, and the stream that notes when one of them has been written to its last octet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smtp.content import Content, Octets
from smtp.envelope import Address, Envelope
from smtp.stream import Stream

SENDER = Address("sender", "example.test")
RECIPIENTS = 3
PIECE = 32 * 1024
GATE_TIME = 3.0
"""Seconds to wait for the server's fault, before the rest of a large message is written."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, unlike every other in its octets and its recipients."""

    number: int
    octets: bytes
    content: Content
    envelope: Envelope

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(str(address) for address in self.envelope.recipients)


def small(number: int) -> Message:
    octets = _head(number) + b".a line with a dot\r\n..\r\n.\r\nthe end\r\n"
    return Message(number, octets, Octets(octets), _envelope(number))


def large(number: int, size: int, gate: threading.Event) -> Message:
    """A message of `size` octets or so, the second half of which is given out once `gate` is set."""
    line = b"." + b"x" * 70 + b"\r\n"
    octets = _head(number) + line * (size // len(line))
    return Message(number, octets, _Gated(octets, gate), _envelope(number))


def _head(number: int) -> bytes:
    return b"Message-ID: <%d@example.test>\r\nSubject: message %d\r\n\r\n" % (number, number)


def _envelope(number: int) -> Envelope:
    return Envelope(
        SENDER, tuple(Address(f"r{i}.m{number}", "example.test") for i in range(1, RECIPIENTS + 1))
    )


@dataclass(frozen=True, slots=True)
class _Gated:
    """Content whose second half waits."""

    data: bytes
    gate: threading.Event

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), PIECE):
            if start >= len(self.data) // 2:
                self.gate.wait(GATE_TIME)
            yield self.data[start : start + PIECE]


@dataclass(slots=True)
class Window:
    """What has been handed to the network, over all connections of a cell."""

    written: list[bytearray] = field(default_factory=list)

    def is_open_for(self, message: Message) -> bool:
        """Whether the octets that complete this message at the server have been written."""
        dotted = message.octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        chunk = b"BDAT %d LAST\r\n" % len(message.octets) + message.octets
        return any(dotted in data or chunk in data for data in self.written)


class Recorder:
    """A stream that passes everything on, and notes what was written without an error."""

    def __init__(self, stream: Stream, window: Window) -> None:
        self._stream = stream
        self._written = bytearray()
        window.written.append(self._written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, data: bytes, deadline: float) -> None:
        self._stream.write(data, deadline)
        self._written += data
