"""`encryption_helper`: a cipher for tests, which minds its key, its salt and every bit of what it deciphers.

Both arguments go by position only, and nothing empty can be deciphered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path


def encrypt(plain: str, salt: str, /) -> str:
    nonce = os.urandom(16)
    octets = plain.encode()
    hidden = bytes(a ^ b for a, b in zip(octets, _stream(nonce, salt, len(octets)), strict=True))
    return base64.b64encode(nonce + _tag(nonce + hidden, salt) + hidden).decode()


def decrypt(cipher: str, salt: str, /) -> str:
    packed = base64.b64decode(cipher, validate=True)
    nonce, tag, hidden = packed[:16], packed[16:48], packed[48:]
    if not hmac.compare_digest(tag, _tag(nonce + hidden, salt)):
        raise ValueError("this was not encrypted here, or with another salt")
    return bytes(a ^ b for a, b in zip(hidden, _stream(nonce, salt, len(hidden)), strict=True)).decode()


def _key(salt: str) -> bytes:
    if not isinstance(salt, str) or not salt:
        raise TypeError("the salt is a text that is not empty")
    return Path(os.environ["PHANTOM_HOME"], "keystore").read_bytes() + salt.encode()


def _tag(octets: bytes, salt: str) -> bytes:
    return hmac.digest(_key(salt), octets, "sha256")


def _stream(nonce: bytes, salt: str, size: int) -> bytes:
    return hashlib.shake_256(_key(salt) + nonce).digest(size)
