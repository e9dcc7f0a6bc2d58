"""A Java trust store (JKS) as `sun.security.provider.JavaKeyStore` writes it."""

from __future__ import annotations

import hashlib
import ssl
import struct


def trust_store(pem: str, password: str) -> bytes:
    """A store that trusts one certificate."""
    der = ssl.PEM_cert_to_DER_cert(pem)
    entry = struct.pack(">I", 2) + _text("authority") + struct.pack(">Q", 0) + _text("X.509")
    body = bytes.fromhex("feedfeed") + struct.pack(">II", 2, 1) + entry + struct.pack(">I", len(der)) + der
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()
