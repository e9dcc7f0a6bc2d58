"""The server's side of SCRAM with channel binding, for the tests of ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass
class Server:
    """The other side, written from RFC 5802 section 3 and sharing no code with ours."""

    password: str
    hash_name: str = "sha256"
    binding: bytes = b""
    salt: bytes = b"pepper-and-salt"
    iterations: int = 4096

    def first(self, client_first: bytes) -> bytes:
        flag, authzid, self.bare = client_first.split(b",", 2)
        self.gs2 = flag + b"," + authzid + b","
        self.nonce = self.bare.split(b"r=")[1] + b"theirs"
        salt = base64.b64encode(self.salt)
        self.said = b"r=%s,s=%s,i=%d" % (self.nonce, salt, self.iterations)
        return self.said

    def last(self, client_final: bytes) -> bytes:
        without_proof, proof = client_final.rsplit(b",p=", 1)
        assert without_proof == b"c=" + base64.b64encode(self.gs2 + self.binding) + b",r=" + self.nonce
        message = self.bare + b"," + self.said + b"," + without_proof
        salted = hashlib.pbkdf2_hmac(self.hash_name, self.password.encode(), self.salt, self.iterations)
        stored = hashlib.new(self.hash_name, self.mac(salted, b"Client Key")).digest()
        signature = self.mac(stored, message)
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        if hashlib.new(self.hash_name, key).digest() != stored:
            return b"e=invalid-proof"
        return b"v=" + base64.b64encode(self.mac(self.mac(salted, b"Server Key"), message))

    def mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.hash_name).digest()
