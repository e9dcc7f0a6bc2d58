"""A certificate and its private key, as an asset holds them: PEM or PKCS#12, the name of a file or the text itself.

For mutual TLS and for an application that shows who it is (RFC 7523) alike. PKCS#12 as text is base64.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificates

from smtp import pem

# A sequence with a length of several octets, which every PKCS#12 file is.
_DER_AS_BASE64 = "MI"
_DAMAGED = (ValueError, TypeError, UnsupportedAlgorithm)


class UnusableCertificate(ValueError):
    """It can't be used. `in_key`: what is wrong is in what was given as the key, not as the certificate."""

    def __init__(self, reason: str, *, in_key: bool = False) -> None:
        super().__init__(reason)
        self.in_key = in_key


@dataclass(frozen=True, slots=True)
class Certificate:
    """`chain` is PEM, the certificate itself first."""

    chain: str
    key: PrivateKeyTypes = field(repr=False)

    def locked(self) -> tuple[str, str]:
        """Return chain and key as one PEM text, the key locked, and the password of this moment that opens it."""
        password = secrets.token_urlsafe()
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
        return self.chain + key.decode("ascii"), password


def read(certificate: str, key: str, password: str) -> Certificate:
    """Read `certificate`, and `key` unless that is "" and the certificate brings its own; `password` opens the key.

    Raises `UnusableCertificate`.
    """
    octets = _octets(certificate.strip())
    if b"-----BEGIN " not in octets:
        return _from_pkcs12(octets, password)
    found = _blocks(octets, in_key=False)
    chain = "".join(block.text for block in found if block.is_certificate)
    if not chain:
        raise UnusableCertificate("it holds no certificate in PEM")
    if key:
        found = _blocks(_octets(key.strip(), in_key=True), in_key=True)
    own = _key(found, password, in_key=bool(key))
    return Certificate(_own_first(chain, own, in_key=bool(key)), own)


def _own_first(chain: str, key: PrivateKeyTypes, *, in_key: bool) -> str:
    """The chain, beginning with the certificate that the key belongs to, wherever that stood."""
    try:
        certificates = load_pem_x509_certificates(chain.encode("ascii"))
        public = _public(key.public_key())
        own = [each for each in certificates if _public(each.public_key()) == public]
    except _DAMAGED as exc:
        raise UnusableCertificate("a certificate in it is damaged, or of a kind not known here") from exc
    if not own:
        raise UnusableCertificate("the private key belongs to another certificate", in_key=in_key)
    ordered = [own[0], *(each for each in certificates if each is not own[0])]
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode("ascii") for each in ordered)


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key(found: tuple[pem.Block, ...], password: str, *, in_key: bool) -> PrivateKeyTypes:
    block = next((block for block in found if block.is_key), None)
    if block is None:
        raise UnusableCertificate("it holds no private key in PEM", in_key=in_key)
    opener = password.encode() if block.is_locked else None
    try:
        return serialization.load_pem_private_key(block.text.encode("ascii"), opener)
    except _DAMAGED as exc:
        why = (
            "its password does not open it"
            if block.is_locked
            else "it is damaged, or of a kind not known here"
        )
        raise UnusableCertificate(f"the private key can't be read: {why}", in_key=in_key) from exc


def _from_pkcs12(octets: bytes, password: str) -> Certificate:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(octets, password.encode() or None)
    except _DAMAGED as exc:
        raise UnusableCertificate("it is neither PEM nor a PKCS#12 file that its password opens") from exc
    if key is None or certificate is None:
        raise UnusableCertificate("the PKCS#12 file lacks a key or a certificate")
    chain = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (certificate, *others))
    return Certificate(chain.decode("ascii"), key)


def _octets(value: str, *, in_key: bool = False) -> bytes:
    """What `value` stands for: PKCS#12 in base64, PEM text, or the file of that name."""
    if value.startswith(_DER_AS_BASE64):
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            pass  # a file whose name begins so
    try:
        return pem.read(value)
    except pem.NotPem as exc:
        raise UnusableCertificate(str(exc), in_key=in_key) from exc


def _blocks(octets: bytes, *, in_key: bool) -> tuple[pem.Block, ...]:
    try:
        return pem.blocks(octets)
    except pem.NotPem as exc:
        raise UnusableCertificate(str(exc), in_key=in_key) from exc
