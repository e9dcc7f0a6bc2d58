"""PEM (RFC 7468), from a file or as text, in every shape that forms, shells and editors leave it in.

OpenSSL's own reader passes over what stands around the blocks; Python's `cadata` takes ASCII only, and neither
takes text whose line ends became spaces or literal `\\n`. So the blocks are taken out and written anew.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import NamedTuple

MAX_SIZE = 16 * 1024 * 1024
"""Octets of a file. Every public authority there is has its place in a twentieth of that."""

_BEGIN, _END, _DASHES = "-----BEGIN ", "-----END ", "-----"
_CERTIFICATES = frozenset(("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"))
_LITERAL_LINE_ENDS = re.compile(r"\\r|\\n")
# RFC 1421 section 4.6.1: before a key that is locked in the way older than PKCS#8.
_LOCK = re.compile(r"\s*Proc-Type:\s*4,\s*ENCRYPTED\s+DEK-Info:\s*([A-Z0-9-]+,[0-9A-Fa-f]+)\s")
_LINE = 64


class NotPem(ValueError):
    """What was given can't be read, or holds nothing of what was looked for. The text says why, in lower case."""


class Block(NamedTuple):
    """One block: `label` as in `-----BEGIN label-----`, `text` the whole of it as OpenSSL reads it, ASCII."""

    label: str
    text: str

    @property
    def is_certificate(self) -> bool:
        return self.label in _CERTIFICATES

    @property
    def is_key(self) -> bool:
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_locked(self) -> bool:
        """Whether a password is needed to use this key."""
        return self.label.startswith("ENCRYPTED") or "Proc-Type:" in self.text


def authorities(value: str) -> str:
    """Return the certificates in `value`, a file's name or PEM text; at least one. Raises `NotPem`."""
    found = [block.text for block in blocks(read(value)) if block.is_certificate]
    if not found:
        raise NotPem("it holds no certificate in PEM")
    return "".join(found)


def read(value: str) -> bytes:
    """Return `value` itself where it is PEM text, else what the file of that name holds. Raises `NotPem`."""
    if _BEGIN in value:
        return value.encode("utf-8", "replace")
    try:
        with Path(value).expanduser().open("rb") as file:
            octets = file.read(MAX_SIZE + 1)
    except (OSError, ValueError, RuntimeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "it is not the name of a file"
        raise NotPem(reason.lower()) from None  # the cause holds the value, which may be a key after all
    if not octets:
        raise NotPem("the file is empty")
    if len(octets) > MAX_SIZE:
        raise NotPem(f"the file is larger than {MAX_SIZE} octets")
    return octets


def blocks(octets: bytes) -> tuple[Block, ...]:
    """Return the blocks in `octets`, whatever stands around them. Raises `NotPem` where one is damaged."""
    text = _LITERAL_LINE_ENDS.sub("\n", octets.decode("latin-1"))
    found: list[Block] = []
    for piece in text.split(_BEGIN)[1:]:
        label, begun, rest = piece.partition(_DASHES)
        body, ended, _ = rest.partition(f"{_END}{label}{_DASHES}")
        if not (begun and ended):
            raise NotPem("a block of PEM begins and has no end")
        lock = _LOCK.match(body)
        head = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: {lock[1]}\n\n" if lock else ""
        packed = "".join(body[lock.end() if lock else 0 :].split())
        try:
            base64.b64decode(packed, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise NotPem("a block of PEM is damaged") from exc
        lines = "\n".join([packed[start : start + _LINE] for start in range(0, len(packed), _LINE)])
        found.append(Block(label, f"{_BEGIN}{label}{_DASHES}\n{head}{lines}\n{_END}{label}{_DASHES}\n"))
    return tuple(found)
