"""What a message is made of on its way out: a size that is known first, and chunks that are read as they are sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

_LINE_END = re.compile(rb"\r\n|\r|\n")
CHUNK_SIZE = 128 * 1024


class Content(Protocol):
    """A message as octets. Every line ends in CRLF, the last one too; no CR or LF stands alone."""

    @property
    def size(self) -> int:
        """Octets that `chunks` will yield: what SIZE= (RFC 1870) and BDAT (RFC 3030) are told."""

    def chunks(self) -> Iterator[bytes]:
        """The octets, a piece at a time; each call starts again from the beginning."""


class EncodedLines(bytes):
    """A chunk made by an encoder: whole lines ending in CRLF, none of which begins with a dot.

    The transparency filter passes it without looking, which is what keeps large attachments cheap.
    """

    __slots__ = ()


def canonical(data: bytes) -> bytes:
    """`data` with every line end (CRLF, CR or LF) as CRLF, and one at its end (RFC 5321 section 2.3.8)."""
    if data.count(b"\n") != data.count(b"\r\n") or data.count(b"\r") != data.count(b"\r\n"):
        data = _LINE_END.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


class Octets:
    """Content held in memory. Its lines are made canonical, so `data` may use any line end."""

    def __init__(self, data: bytes) -> None:
        self._data = canonical(data)

    @property
    def size(self) -> int:
        return len(self._data)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), CHUNK_SIZE):
            yield self._data[start : start + CHUNK_SIZE]
