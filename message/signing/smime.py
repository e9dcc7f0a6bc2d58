"""S/MIME (RFC 8551): a mail signed by its sender, encrypted for its recipients, or both.

The library signs and encrypts what it is given as a whole, so such a mail is in memory: signed, one and a half times
what is sent, encrypted about six times; `LARGEST` bounds that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from message.base64 import encoded_lines
from message.mime import Part, multipart, parameterised

LARGEST = 50 * 1024 * 1024
"""Octets of a mail that is signed or encrypted."""


class UnusableIdentity(ValueError):
    """Not a certificate and key, or not a certificate, for S/MIME. The text says why, in lower case."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A sender's certificate with its chain, and the key for it."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def read(cls, certificates: bytes, key: bytes, password: str = "") -> Identity:
        """From PEM, the sender's own certificate first. Raises `UnusableIdentity`."""
        try:
            private = serialization.load_pem_private_key(key, password.encode() if password else None)
        except TypeError as exc:
            reason = (
                "its password is missing" if not password else "it is not locked, and a password is given"
            )
            raise UnusableIdentity(f"the key can't be used: {reason}") from exc
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise UnusableIdentity("the key is no private key in PEM, or its password is wrong") from exc
        return cls.of(certificates, private)

    @classmethod
    def of(cls, certificates: bytes, private: object) -> Identity:
        """From PEM, the sender's own certificate first, and a key. Raises `UnusableIdentity`."""
        own, *chain = _certificates(certificates)
        if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey):
            raise UnusableIdentity("the key is neither RSA nor elliptic curve")
        if _spki(private.public_key()) != _spki(own.public_key()):
            raise UnusableIdentity("the key does not belong to the certificate")
        return cls(own, tuple(chain), private)


def recipient_certificate(pem: bytes) -> x509.Certificate:
    """A certificate that a mail can be encrypted for. Raises `UnusableIdentity`."""
    certificate = _certificates(pem)[0]
    if not isinstance(certificate.public_key(), RSAPublicKey):
        raise UnusableIdentity(
            "the certificate is not for RSA, which is what mails can be encrypted with here"
        )
    return certificate


def signed(part: Part, identity: Identity, boundary: str) -> Part:
    """`part`, which must be 7-bit, as multipart/signed with a detached signature (RFC 8551 section 3.5.3)."""
    octets = _octets(part)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(octets)
    builder = builder.add_signer(identity.certificate, identity.key, hashes.SHA256())
    for certificate in identity.chain:
        builder = builder.add_certificate(certificate)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    signature = _enclosed("pkcs7-signature", "smime.p7s", builder.sign(Encoding.DER, options))
    return multipart(
        "signed", boundary, [part, signature], protocol="application/pkcs7-signature", micalg="sha-256"
    )


def encrypted(part: Part, certificates: Sequence[x509.Certificate]) -> Part:
    """`part` as something that only the holders of these certificates' keys can read (RFC 8551 section 3.3)."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(_octets(part)).set_content_encryption_algorithm(AES256)
    for certificate in dict.fromkeys(certificates):
        builder = builder.add_recipient(certificate)
    octets = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    return _enclosed("pkcs7-mime", "smime.p7m", octets, {"smime-type": "enveloped-data"})


def _octets(part: Part) -> bytes:
    """A part as it is written, in memory. Raises `ValueError` when it is too large for that."""
    size = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in part.body)
    if size > LARGEST:
        raise ValueError(f"it has {size} octets; signed and encrypted mails may have {LARGEST}")
    body = b"".join(piece if isinstance(piece, bytes) else b"".join(piece.chunks()) for piece in part.body)
    return part.fields.encode() + b"\r\n" + body


def _enclosed(subtype: str, name: str, octets: bytes, more: Mapping[str, str] | None = None) -> Part:
    parameters = [*(more or {}).items(), ("name", name)]
    disposition = "attachment"
    return Part(
        parameterised("Content-Type", f"application/{subtype}", parameters)
        + "Content-Transfer-Encoding: base64\r\n"
        + parameterised("Content-Disposition", disposition, [("filename", name)]),
        (encoded_lines(octets),),
    )


def _certificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise UnusableIdentity("it holds no certificate in PEM") from exc


def _spki(key: object) -> bytes:
    assert hasattr(key, "public_bytes")  # noqa: S101 - every public key has it
    octets: bytes = key.public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return octets
