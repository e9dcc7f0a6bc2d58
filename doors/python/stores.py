"""Key stores and trust stores as PEM: PKCS#12, Java's JKS, or PEM itself."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    pkcs12,
)

from auth.certificate import Certificate, UnusableCertificate
from auth.certificate import read as read_certificate
from doors.python import jks
from doors.python.jks import UnusableStore
from smtp import pem

TYPES = ("PKCS12", "JKS", "PEM")
_DAMAGED = (ValueError, TypeError, UnsupportedAlgorithm)


def trusted(path: Path, kind: str, password: str) -> str:
    """The certificates of a trust store, as PEM. Raises `UnusableStore`."""
    if _kind(kind) == "PEM":
        try:
            return pem.authorities(str(path))
        except pem.NotPem as error:
            raise UnusableStore(str(error)) from error
    octets = _octets(path)
    if octets.startswith(jks.MAGIC):
        found = [_pem(der) for der in jks.read(octets, password).certificates]
    else:
        store = _pkcs12(octets, password)
        others = [one.certificate for one in (*store.additional_certs, *filter(None, [store.cert]))]
        found = [one.public_bytes(Encoding.PEM).decode("ascii") for one in others]
    if not found:
        raise UnusableStore("it holds no trusted certificate")
    return "".join(found)


def identity(path: Path, kind: str, password: str) -> Certificate:
    """The certificate of a key store, with chain and key. Raises `UnusableStore`."""
    octets = _octets(path)
    try:
        if _kind(kind) == "PEM" or not octets.startswith(jks.MAGIC):
            return read_certificate(str(path), "", password)
        store = jks.read(octets, password)
        key = load_der_private_key(store.key(password), None)
        return Certificate("".join(_pem(der) for der in store.chain), key)
    except UnusableCertificate as error:
        raise UnusableStore(str(error)) from error
    except _DAMAGED as error:
        if isinstance(error, UnusableStore):
            raise
        raise UnusableStore("its key is of a kind not known here") from error


def _kind(kind: str) -> str:
    """Raises `UnusableStore` for one that is not known."""
    found = kind.upper().replace("#", "")
    if found not in (*TYPES, "JCEKS"):
        raise UnusableStore(f"its type {kind} is none of {', '.join(TYPES)}")
    return found


def _octets(path: Path) -> bytes:
    try:
        octets = pem.read(str(path))
    except pem.NotPem as error:
        raise UnusableStore(str(error)) from error
    if octets.startswith(jks.JCEKS_MAGIC):
        raise UnusableStore(
            "it is a JCEKS key store, which is not read here. Convert it: keytool -importkeystore"
            f" -srckeystore {path} -srcstoretype JCEKS -destkeystore {path.with_suffix('.p12')}"
            " -deststoretype PKCS12"
        )
    return octets


def _pkcs12(octets: bytes, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    try:
        return pkcs12.load_pkcs12(octets, password.encode() or None)
    except _DAMAGED as error:
        raise UnusableStore("it is neither JKS nor a PKCS#12 file that its password opens") from error


def _pem(der: bytes) -> str:
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode("ascii")
    except _DAMAGED as error:
        raise UnusableStore("it holds a certificate that is damaged") from error
