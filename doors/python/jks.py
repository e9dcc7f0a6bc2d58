"""Java's own key stores (JKS), read: trusted certificates, and a private key with its chain.

The format is described by its implementation, `sun.security.provider.JavaKeyStore`: a magic number, the entries, and a
SHA-1 digest over password and all before it. A key is locked with a stream made by SHA-1 from password and salt, which
protects little; whoever has the file and time has the key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = bytes.fromhex("feedfeed")
JCEKS_MAGIC = bytes.fromhex("cececece")
_DIGEST = 20
_SALT = 20
_WHITENER = b"Mighty Aphrodite"
_KEY, _CERTIFICATE = 1, 2
# Of EncryptedPrivateKeyInfo (RFC 5958 section 3): SEQUENCE { SEQUENCE { OID 1.3.6.1.4.1.42.2.17.1.1, NULL }, OCTETS }.
_LOCKED_BY = bytes.fromhex("300e060a2b060104012a021101010500")


class UnusableStore(ValueError):
    """A store that can't be read: another format, damaged, or another password. The text says which."""


@dataclass(frozen=True, slots=True)
class JavaStore:
    """What a store holds, in DER. `locked` is its first private key, as it lies there, b"" where there is none;
    `chain` belongs to it, its own first."""

    certificates: tuple[bytes, ...]
    locked: bytes = field(default=b"", repr=False)
    chain: tuple[bytes, ...] = ()

    def key(self, password: str) -> bytes:
        """The private key (PKCS#8). Raises `UnusableStore` where there is none, or another password opens it."""
        if not self.locked:
            raise UnusableStore("it holds no private key")
        return _unlocked(self.locked, password.encode("utf-16-be"))


def read(octets: bytes, password: str) -> JavaStore:
    """Read a store; `password` is the store's. Raises `UnusableStore`."""
    if not octets.startswith(MAGIC) or len(octets) < len(MAGIC) + _DIGEST:
        raise UnusableStore("it is no JKS key store")
    secret = password.encode("utf-16-be")
    body, digest = octets[:-_DIGEST], octets[-_DIGEST:]
    if not hmac.compare_digest(_sha1(secret + _WHITENER + body), digest):
        raise UnusableStore("its password does not open it, or it is damaged")
    certificates: list[bytes] = []
    key: tuple[bytes, tuple[bytes, ...]] = b"", ()
    for locked, chain in _entries(_Reader(body[len(MAGIC) :])):
        if not locked:
            certificates += chain
        elif not key[0]:
            key = locked, chain
    return JavaStore(tuple(certificates), *key)


def _entries(reader: _Reader) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """Each entry: its locked key, b"" for a trusted certificate, and its certificates."""
    version, count = reader.number(4), reader.number(4)
    if version not in (1, 2):
        raise UnusableStore(f"it is a JKS key store of the unknown version {version}")
    for _ in range(count):
        kind = reader.number(4)
        reader.take(reader.number(2))  # the alias
        reader.take(8)  # when it was made
        if kind == _KEY:
            locked = reader.take(reader.number(4))
            yield locked, tuple(_certificate(reader, version) for _ in range(reader.number(4)))
        elif kind == _CERTIFICATE:
            yield b"", (_certificate(reader, version),)
        else:
            raise UnusableStore(f"it holds an entry of the unknown kind {kind}")


def _certificate(reader: _Reader, version: int) -> bytes:
    kind = reader.take(reader.number(2)) if version == 2 else b"X.509"
    if kind not in (b"X.509", b"X509"):
        raise UnusableStore("it holds a certificate that is not X.509")
    return reader.take(reader.number(4))


def _unlocked(info: bytes, secret: bytes) -> bytes:
    """The PKCS#8 key of an EncryptedPrivateKeyInfo."""
    at = info.find(_LOCKED_BY)
    if at < 0:
        raise UnusableStore("its key is locked in a way not known here")
    locked = _octet_string(info[at + len(_LOCKED_BY) :])
    salt, hidden, check = locked[:_SALT], locked[_SALT:-_DIGEST], locked[-_DIGEST:]
    stream, block = bytearray(), salt
    while len(stream) < len(hidden):
        block = _sha1(secret + block)
        stream += block
    key = bytes(one ^ other for one, other in zip(hidden, stream, strict=False))
    if not hmac.compare_digest(_sha1(secret + key), check):
        raise UnusableStore("its key has another password than the store")
    return key


def _octet_string(der: bytes) -> bytes:
    reader = _Reader(der)
    if reader.number(1) != 0x04:
        raise UnusableStore("its key is damaged")
    length = reader.number(1)
    return reader.take(reader.number(length & 0x7F) if length & 0x80 else length)


def _sha1(octets: bytes) -> bytes:
    return hashlib.sha1(octets, usedforsecurity=False).digest()


class _Reader:
    """Takes octets from the front. Raises `UnusableStore` where they end too early."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._octets):
            raise UnusableStore("it is damaged")
        taken = self._octets[self._at : end]
        self._at = end
        return taken

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")
