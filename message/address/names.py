"""Display names as they are meant: encoded words decoded (RFC 2047, with the languages of RFC 2231 section 5)."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp

_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")


def decoded(text: str) -> str:
    """`text` with its encoded words decoded; white space between two of them is no part of the text.

    What can't be decoded stays as it was written. Takes time in proportion to the length of `text`.
    """
    pieces: list[str] = []
    octets, charset, start, end = b"", "", 0, 0
    for word in _ENCODED_WORD.finditer(text):
        between = text[end : word.start()]
        found = _octets(word[2], word[3])
        if octets and (between.strip() or word[1].lower() != charset or found is None):
            pieces.append(_text(octets, charset, text[start:end]))
            octets = b""
        if found is None:
            pieces.append(between + word[0])
        else:
            if not octets:
                pieces.append(between if between.strip() or not pieces or not end else "")
                start, charset = word.start(), word[1].lower()
            octets += found
        end = word.end()
    if octets:
        pieces.append(_text(octets, charset, text[start:end]))
    return "".join(pieces) + text[end:]


def _octets(encoding: str, text: str) -> bytes | None:
    try:
        if encoding in "qQ":
            return a2b_qp(text.encode("ascii"), header=True)
        return a2b_base64(text.encode("ascii") + b"==")
    except (Error, UnicodeEncodeError):
        return None


def _text(octets: bytes, charset: str, written: str) -> str:
    try:
        return octets.decode(charset)
    except (LookupError, UnicodeDecodeError, ValueError):
        return written
