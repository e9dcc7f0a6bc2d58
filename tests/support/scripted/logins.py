"""The server's half of each SASL mechanism: a generator that yields challenges and is sent answers.

Nothing here is shared with the client's code, so that the two can disagree.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator, Mapping
from types import MappingProxyType

Exchange = Generator[bytes, bytes, str]
"""Yields a challenge, is sent the answer; returns who it is, "" when the credential is not good."""
Mechanism = Callable[[bytes | None, Mapping[str, str]], Exchange]
"""Called with the initial response (None: there was none) and name to secret."""


def plain(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """RFC 4616."""
    answer = initial if initial is not None else (yield b"")
    parts = answer.decode().split("\0")
    return parts[1] if len(parts) == 3 and logins.get(parts[1]) == parts[2] else ""


def login(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """Two prompts, as draft-murchison-sasl-login has them."""
    name = (initial if initial is not None else (yield b"Username:")).decode()
    password = (yield b"Password:").decode()
    return name if logins.get(name) == password else ""


def cram_md5(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """RFC 2195."""
    challenge = f"<{secrets.token_hex(8)}@scripted.test>".encode()
    name, _, digest = (yield challenge).decode().rpartition(" ")
    wanted = hmac.new(logins.get(name, "").encode(), challenge, hashlib.md5).hexdigest()
    return name if name in logins and hmac.compare_digest(wanted, digest) else ""


def xoauth2(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """Google's and Microsoft's own; a bad token gets a JSON challenge, to be answered with an empty line."""
    answer = initial if initial is not None else (yield b"")
    fields = dict(part.split("=", 1) for part in answer.decode().strip("\1").split("\1"))
    name = fields.get("user", "")
    if fields.get("auth") == f"Bearer {logins.get(name)}":
        return name
    yield b'{"status":"401","schemes":"bearer","scope":"https://mail.example.test/"}'
    return ""


def oauthbearer(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """RFC 7628."""
    answer = initial if initial is not None else (yield b"")
    header, *pairs = answer.decode().rstrip("\1").split("\1")
    fields = dict(pair.split("=", 1) for pair in pairs)
    name = header.removeprefix("n,a=").rstrip(",").replace("=2C", ",").replace("=3D", "=")
    if fields.get("auth") == f"Bearer {logins.get(name)}":
        return name
    yield b'{"status":"invalid_token","scope":"mail","openid-configuration":"https://example.test/"}'
    return ""


def external(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
    """RFC 4422 appendix A; whoever got through TLS is taken for whom they say, "" meaning the first login."""
    answer = initial if initial is not None else (yield b"")
    return answer.decode() or next(iter(logins), "")


def scram(algorithm: str) -> Mechanism:
    """RFC 5802 and RFC 7677, without channel binding."""

    def exchange(initial: bytes | None, logins: Mapping[str, str]) -> Exchange:
        first = (initial if initial is not None else (yield b"")).decode()
        bare = first.split(",", 2)[2]
        fields = dict(part.split("=", 1) for part in bare.split(","))
        name = fields["n"].replace("=2C", ",").replace("=3D", "=")
        salt, rounds = secrets.token_bytes(16), 4096
        nonce = fields["r"] + secrets.token_hex(9)
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
        final = (yield challenge.encode()).decode()
        without_proof, _, proof = final.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac(algorithm, logins.get(name, "").encode(), salt, rounds)
        signed = f"{bare},{challenge},{without_proof}".encode()
        key = hmac.digest(salted, b"Client Key", algorithm)
        stored = hashlib.new(algorithm, key).digest()
        signature = hmac.digest(stored, signed, algorithm)
        wanted = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        if name not in logins or not hmac.compare_digest(wanted, base64.b64decode(proof)):
            return ""
        server_key = hmac.digest(salted, b"Server Key", algorithm)
        verifier = base64.b64encode(hmac.digest(server_key, signed, algorithm))
        yield b"v=" + verifier
        return name

    return exchange


MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        "PLAIN": plain,
        "LOGIN": login,
        "CRAM-MD5": cram_md5,
        "XOAUTH2": xoauth2,
        "OAUTHBEARER": oauthbearer,
        "EXTERNAL": external,
        "SCRAM-SHA-1": scram("sha1"),
        "SCRAM-SHA-256": scram("sha256"),
    }
)
