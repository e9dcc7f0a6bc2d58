"""Certificates and keys of an application or a service account, as their owners have them."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

PASSWORD = "c4nary-certificate-pa55word"
_DAY = datetime.timedelta(days=1)
_MAKE = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "platform": lambda: rsa.generate_private_key(65537, 2048),
    "account": lambda: rsa.generate_private_key(65537, 2048),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class Own:
    """A certificate and its key, in the forms that an asset takes."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    certificate: x509.Certificate

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode() + self.key_pem

    @property
    def locked_pem(self) -> str:
        locked = self.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode())
        )
        return self.certificate.public_bytes(Encoding.PEM).decode() + locked.decode()

    @property
    def pkcs12(self) -> bytes:
        locked = BestAvailableEncryption(PASSWORD.encode())
        return pkcs12.serialize_key_and_certificates(b"app", self.key, self.certificate, None, locked)

    @property
    def pkcs12_text(self) -> str:
        return base64.b64encode(self.pkcs12).decode()


@cache
def own(kind: str = "RSA", days: int = 365) -> Own:
    """A self-signed certificate, as an app registration takes it, for so many days from now."""
    key = _MAKE[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SMTP connector")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 400 * _DAY)
        .not_valid_after(now + days * _DAY)
        .sign(key, None if kind == "Ed25519" else hashes.SHA256())
    )
    return Own(key, certificate)


def account(token_url: str, **fields: object) -> str:
    """The key file of a service account."""
    values: dict[str, object] = {
        "type": "service_account",
        "project_id": "mails",
        "private_key_id": "0123456789abcdef",
        "private_key": own().key_pem,
        "client_email": "connector@mails.iam.gserviceaccount.com",
        "client_id": "1234567890",
        "token_uri": token_url,
    }
    return json.dumps({name: value for name, value in (values | fields).items() if value is not None})
