"""Base64 as mail has it: in lines of 76 characters (RFC 2045 section 6.8), so 57 octets make a line."""

from __future__ import annotations

import struct
from binascii import b2a_base64
from functools import cache

from smtp.content import EncodedLines

_OCTETS = 57
_LINES = 2300
PIECE = _OCTETS * _LINES
"""Octets that are encoded at a time."""


def encoded_size(size: int) -> int:
    """The octets of base64 in lines of 76, each with its CRLF."""
    return (size + 2) // 3 * 4 + (size + _OCTETS - 1) // _OCTETS * 2


def encoded_lines(block: bytes) -> EncodedLines:
    """`block` as lines of base64. Only a message's last block may be other than a multiple of 57 octets."""
    encoded = b2a_base64(block, newline=False)
    if len(block) == PIECE:
        lines = _whole_piece().unpack(encoded)
    else:
        lines = tuple(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    return EncodedLines(b"\r\n".join((*lines, b"")))


@cache
def _whole_piece() -> struct.Struct:
    """How the lines of a whole piece lie one behind the other."""
    return struct.Struct("76s" * _LINES)
