"""What a login can be tied to: channel bindings of a TLS connection (RFC 5929, RFC 9266)."""

from __future__ import annotations

import hashlib
import ssl
from types import MappingProxyType

from smtp.sasl.mechanism import ChannelBinding

_SEQUENCE, _OID, _CONTEXT_0 = 0x30, 0x06, 0xA0
_RSASSA_PSS = bytes.fromhex("2a864886f70d01010a")

# The contents of an OBJECT IDENTIFIER -> the hash to take. RFC 5929 section 4.1: SHA-256 in place of MD5 and
# SHA-1. Algorithms without one hash of their own (Ed25519) are not here: no binding is defined for them.
_HASHES = MappingProxyType(
    {
        bytes.fromhex(oid): name
        for oid, name in (
            ("2a864886f70d010104", "sha256"),  # md5WithRSAEncryption
            ("2a864886f70d010105", "sha256"),  # sha1WithRSAEncryption
            ("2a864886f70d01010e", "sha224"),  # sha224WithRSAEncryption
            ("2a864886f70d01010b", "sha256"),  # sha256WithRSAEncryption
            ("2a864886f70d01010c", "sha384"),  # sha384WithRSAEncryption
            ("2a864886f70d01010d", "sha512"),  # sha512WithRSAEncryption
            ("2a8648ce3d0401", "sha256"),  # ecdsa-with-SHA1
            ("2a8648ce3d040301", "sha224"),  # ecdsa-with-SHA224
            ("2a8648ce3d040302", "sha256"),  # ecdsa-with-SHA256
            ("2a8648ce3d040303", "sha384"),  # ecdsa-with-SHA384
            ("2a8648ce3d040304", "sha512"),  # ecdsa-with-SHA512
            ("2b0e03021a", "sha256"),  # SHA-1, as RSASSA-PSS names its hash, and so on
            ("608648016503040204", "sha224"),
            ("608648016503040201", "sha256"),
            ("608648016503040202", "sha384"),
            ("608648016503040203", "sha512"),
        )
    }
)


def channel_binding(connection: ssl.SSLSocket | ssl.SSLObject) -> ChannelBinding | None:
    """The best binding that `connection`, after its handshake, has to offer; None when there is none.

    RFC 9266 section 3: `tls-exporter`, as soon as Python has it. Else `tls-unique`, which is SCRAM's default
    (RFC 5802 section 6.1) but not defined for TLS 1.3; else the server's certificate.
    """
    if "tls-exporter" in ssl.CHANNEL_BINDING_TYPES:
        kind = "tls-exporter"
    elif connection.version() == "TLSv1.3":
        certificate = connection.getpeercert(binary_form=True)
        return end_point(certificate) if certificate else None
    else:
        kind = "tls-unique"
    data = connection.get_channel_binding(kind)
    return ChannelBinding(kind, data) if data else None


def end_point(certificate_der: bytes) -> ChannelBinding | None:
    """`tls-server-end-point` of a server's certificate (RFC 5929 section 4): its hash, by its own algorithm.

    None when that is not defined for it, or when it isn't a certificate.
    """
    try:
        name = _signature_hash(certificate_der)
    except (IndexError, ValueError):
        return None
    if name is None:
        return None
    return ChannelBinding("tls-server-end-point", hashlib.new(name, certificate_der).digest())


def _signature_hash(certificate: bytes) -> str | None:
    """The hash of Certificate.signatureAlgorithm (RFC 5280 section 4.1.1.2), its second field."""
    fields, _ = _read(certificate, _SEQUENCE)
    _, after_tbs = _read(fields, _SEQUENCE)
    algorithm, _ = _read(after_tbs, _SEQUENCE)
    oid, parameters = _read(algorithm, _OID)
    if oid != _RSASSA_PSS:
        return _HASHES.get(oid)
    # RSASSA-PSS-params (RFC 4055 section 3.1): hashAlgorithm is [0], SHA-1 when left out.
    settings, _ = _read(parameters, _SEQUENCE)
    if not settings or settings[0] != _CONTEXT_0:
        return "sha256"
    tagged, _ = _read(settings, _CONTEXT_0)
    hash_algorithm, _ = _read(tagged, _SEQUENCE)
    return _HASHES.get(_read(hash_algorithm, _OID)[0])


def _read(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The contents of the element that `der` begins with, and what follows it. Raises `ValueError`."""
    if der[0] != tag:
        raise ValueError("another element was due")
    length, start = der[1], 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 3:  # 16 MiB are enough for any certificate; 0 is not DER
            raise ValueError("no such length")
        length, start = int.from_bytes(der[2 : 2 + octets]), 2 + octets
    if len(der) < start + length:
        raise ValueError("cut short")
    return der[start : start + length], der[start + length :]
