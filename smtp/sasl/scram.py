"""SCRAM: a password proven, not shown, by both sides (RFC 5802, RFC 7677), bound to the TLS channel or not.

What the first bytes say about channel binding (RFC 5802 section 6):

  p=<type>  a -PLUS form: the exchange holds for this TLS connection only
  y         we could bind, but saw no -PLUS offered: a server that did offer one then knows of the forgery
  n         we can't bind, or the server turned our type of binding down

In Python 3.11 to 3.13, a TLS 1.3 connection has only `tls-server-end-point` to bind to. Servers that know
just `tls-exporter` and `tls-unique` (Dovecot 2.4, GNU SASL) refuse the first message then, before anything
has been said about the password: that is the one refusal after which another form is worth trying.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from base64 import b64decode, b64encode

from smtp.errors import AuthenticationFailed
from smtp.sasl.mechanism import ChannelBinding, Mechanism
from smtp.sasl.plain import unusable, utf8
from smtp.text import showable

# RFC 7677 section 4 asks for 4096 at least; more than the upper bound is a server keeping us busy.
MIN_ITERATIONS = 4_096
MAX_ITERATIONS = 600_000

_SERVER_FIRST = re.compile(
    rb"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})(?:,[A-Za-z]=.*)?"
)
_SERVER_FINAL = re.compile(rb"(v|e)=([^,]+)(?:,.*)?", re.DOTALL)


class Scram:
    """One SCRAM exchange with hash `SHA-1` or `SHA-256`.

    `binding` is what the connection could be bound to, `plus` whether it is. `nonce` is for tests only.
    """

    exposes_secret = False
    reads_challenges = True

    def __init__(
        self,
        username: str,
        password: str,
        hash_name: str,
        binding: ChannelBinding | None = None,
        *,
        plus: bool = False,
        nonce: str = "",
    ) -> None:
        self.name = f"SCRAM-{hash_name}-PLUS" if plus else f"SCRAM-{hash_name}"
        self.reason = ""
        self._username, self._password = username, password
        self._hash_name = hash_name
        self._digest = hash_name.replace("-", "").lower()
        self._binding = binding if plus else None
        flag = f"p={binding.kind}" if plus and binding else "y" if binding else "n"
        self._gs2_header = f"{flag},,".encode()
        self._nonce = (nonce or secrets.token_urlsafe(24)).encode()
        self._client_first = b""
        self._server_signature = b""
        self._verified = False

    @property
    def instead(self) -> Mechanism | None:
        """The form that binds to nothing, when the server refused before it had said anything."""
        bound_to_certificate = self._binding is not None and self._binding.kind == "tls-server-end-point"
        if not bound_to_certificate or self._server_signature:
            return None
        return Scram(self._username, self._password, self._hash_name)

    def start(self) -> bytes:
        username = saslprep(self._username).replace("=", "=3D").replace(",", "=2C")
        self._client_first = b"n=" + utf8(username) + b",r=" + self._nonce
        return self._gs2_header + self._client_first

    def respond(self, challenge: bytes) -> bytes:
        if self._verified or self.reason:
            raise AuthenticationFailed("The server went on after the last message of SCRAM.")
        if self._server_signature or challenge.startswith(b"e="):
            return self._end(challenge)
        if not challenge:  # the initial response was not taken; RFC 4954 section 4
            return self.start()
        return self._prove(challenge)

    def finish(self) -> None:
        # Without the signature it could be anybody who said 235 (RFC 5802 section 5).
        if not self._verified:
            raise AuthenticationFailed(
                "The server accepted the login without proving that it knows the password.",
                hint="Check that this is the right server; something in between may be answering for it.",
            )

    def _prove(self, server_first: bytes) -> bytes:
        """client-final-message, from server-first-message (RFC 5802 sections 3 and 7)."""
        nonce, salt, iterations = self._read(server_first)
        bound = self._gs2_header + (self._binding.data if self._binding else b"")
        final = b"c=" + b64encode(bound) + b",r=" + nonce
        conversation = b",".join((self._client_first, server_first, final))
        password = utf8(saslprep(self._password))
        salted = hashlib.pbkdf2_hmac(self._digest, password, salt, iterations)
        client_key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self._digest, client_key).digest(), conversation)
        proof = bytes(key ^ mask for key, mask in zip(client_key, signature, strict=True))
        self._server_signature = self._hmac(self._hmac(salted, b"Server Key"), conversation)
        return final + b",p=" + b64encode(proof)

    def _read(self, server_first: bytes) -> tuple[bytes, bytes, int]:
        match = _SERVER_FIRST.fullmatch(server_first)
        if match is None:
            raise AuthenticationFailed("The server's first SCRAM message is not one.")
        nonce, iterations = match[1], int(match[3])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise AuthenticationFailed("The server's SCRAM nonce does not continue ours.")
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise AuthenticationFailed(
                f"The server asks for {iterations} SCRAM iterations; "
                f"from {MIN_ITERATIONS} to {MAX_ITERATIONS} are accepted.",
                hint="Ask the server's administrator to store the password with another iteration count.",
            )
        return nonce, _decoded(match[2]), iterations

    def _end(self, server_final: bytes) -> bytes:
        match = _SERVER_FINAL.fullmatch(server_final)
        if match is None:
            raise AuthenticationFailed("The server's last SCRAM message is not one.")
        if match[1] == b"e":
            # Its verdict is the reply that follows; SMTP has it wait for an empty answer.
            self.reason = showable(match[2].decode("utf-8", "replace"), self._password)
            return b""
        if not hmac.compare_digest(_decoded(match[2]), self._server_signature):
            raise AuthenticationFailed(
                "The server could not prove that it knows the password: its SCRAM signature is wrong.",
                hint="Check that this is the right server; something in between may be answering for it.",
            )
        self._verified = True
        return b""

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._digest)


def saslprep(text: str) -> str:
    """`text` as SASLprep (RFC 4013) has it, code points that Unicode 3.2 did not know let through (a query).

    Raises `AuthenticationFailed` for what it prohibits.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not prepared or any(prohibited(character) for prohibited in _PROHIBITED for character in prepared):
        raise unusable("The user name or password has characters that SCRAM does not allow.")
    if any(stringprep.in_table_d1(character) for character in prepared):
        ends = prepared[0], prepared[-1]
        mixed = any(stringprep.in_table_d2(character) for character in prepared)
        if mixed or not all(stringprep.in_table_d1(character) for character in ends):
            raise unusable("The user name or password mixes writing directions, which SCRAM does not allow.")
    return prepared


_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def _decoded(base64: bytes) -> bytes:
    try:
        return b64decode(base64, validate=True)
    except binascii.Error as exc:
        raise AuthenticationFailed("The server's SCRAM message holds what is not base64.") from exc
