"""DKIM signatures (RFC 6376): the sender's domain vouches for a mail as it leaves.

A signature stands above the header and covers a hash of the body, so the body is read twice: once for the hash, once
to be sent. It is never in memory whole.
"""

from __future__ import annotations

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from smtp.content import Content

# RFC 6376 section 5.4.1, and what tells where an answer goes.
_SIGNED = (
    "from", "reply-to", "sender", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
_ONLY_ONCE = ("from", "to", "cc", "subject", "reply-to", "date", "message-id")
"""Named once more than they occur: a verifier then notices one that is added on the way (RFC 6376 section 8.15)."""
_SPACE = re.compile(rb"[ \t]+")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SMALLEST_KEY = 1024
"""Bits. RFC 8301 section 3.2: verifiers refuse what is smaller."""
_LINE = 70


class UnusableKey(ValueError):
    """Not a key for DKIM. The text says why, in lower case, and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """A domain's private key, and the selector under which its public half is in DNS.

    Raises `ValueError` for what is no name in DNS.
    """

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        for name in (self.domain, self.selector):
            if not is_dns_name(name):
                raise ValueError(f"{name!r:.80} is no name in DNS")

    def signed(self, content: Content) -> Content:
        """The same message with a signature above it."""
        head, body_hash = _read(content)
        fields = _fields(head)
        names = [name for name in _SIGNED for _ in range(sum(key == name for key, _ in fields))]
        names += [name for name in _ONLY_ONCE if name in names or name in ("from", "reply-to")]
        algorithm = "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"
        unsigned = (
            f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={self.domain}; s={self.selector};\r\n"
            f" t={int(time.time())};\r\n h={_folded(':'.join(names), ':')};\r\n bh={body_hash};\r\n b="
        )
        data = b"".join(_covered(fields, names)) + _relaxed(unsigned.encode())
        return _Above(f"{unsigned}{_folded(b64encode(self._signature(data)).decode())}\r\n".encode(), content)

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), hashes.SHA256())
        # RFC 8463 section 3: Ed25519 signs the hash, as if that were the message.
        return self.key.sign(hashlib.sha256(data).digest())


def is_dns_name(text: str) -> bool:
    """Whether it can be a domain or a selector."""
    return bool(_NAME.fullmatch(text))


def read_key(pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    """From PEM (PKCS#8 or PKCS#1, without a password). Raises `UnusableKey`."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as exc:
        raise UnusableKey("it is locked with a password") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise UnusableKey("it is no private key in PEM") from exc
    if isinstance(key, RSAPrivateKey) and key.key_size < _SMALLEST_KEY:
        raise UnusableKey(f"it has {key.key_size} bits; {_SMALLEST_KEY} are the least")
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise UnusableKey("it is neither an RSA nor an Ed25519 key")
    return key


class _Above:
    """Content with a field above it."""

    def __init__(self, field_: bytes, content: Content) -> None:
        self._field = field_
        self._content = content

    @property
    def size(self) -> int:
        return len(self._field) + self._content.size

    def chunks(self) -> Iterator[bytes]:
        return chain((self._field,), self._content.chunks())


class _BodyHash:
    """The hash of a relaxed body (RFC 6376 section 3.4.4), which comes in any pieces."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._rest = b""
        self._blank = 0

    def update(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if b" " in line or b"\t" in line:
            line = _SPACE.sub(b" ", line).removesuffix(b" ")
        if not line:
            self._blank += 1
            return
        self._digest.update(b"\r\n" * self._blank + line + b"\r\n")
        self._blank = 0

    def encoded(self) -> str:
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        return b64encode(self._digest.digest()).decode()


def _read(content: Content) -> tuple[bytes, str]:
    """The header of a message, and the hash of its body."""
    head, body = b"", _BodyHash()
    is_body = False
    for chunk in content.chunks():
        if is_body:
            body.update(chunk)
            continue
        head += chunk
        at = head.find(b"\r\n\r\n")
        if at >= 0:
            is_body = True
            body.update(head[at + 4 :])
            head = head[: at + 2]
    return head, body.encoded()


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    """The fields of a header, each with its name in lower case, as it was written without its last CRLF."""
    fields = re.split(rb"\r\n(?![ \t])", head.removesuffix(b"\r\n"))
    return [(f.partition(b":")[0].decode("ascii", "replace").strip().lower(), f) for f in fields if f]


def _covered(fields: list[tuple[str, bytes]], names: list[str]) -> Iterator[bytes]:
    """The named fields, relaxed, in the order of `names`; of several of one name the last is taken first."""
    left: dict[str, list[bytes]] = {}
    for name, field_ in fields:
        left.setdefault(name, []).append(field_)
    for name in names:
        if left.get(name):
            yield _relaxed(left[name].pop()) + b"\r\n"


def _relaxed(field_: bytes) -> bytes:
    """A field as RFC 6376 section 3.4.2 has it, without a line end."""
    name, _, value = field_.partition(b":")
    return name.strip().lower() + b":" + _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _folded(text: str, separator: str = "") -> str:
    """`text` in lines, broken anywhere, or behind a separator."""
    if not separator:
        return "\r\n ".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
    lines = [""]
    for piece in text.split(separator):
        if len(lines[-1]) + len(piece) > _LINE:
            lines.append("")
        lines[-1] += piece + separator
    return "\r\n ".join(lines).removesuffix(separator)
