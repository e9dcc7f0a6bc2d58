from __future__ import annotations

import datetime
import hashlib
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from smtp.sasl.channel_binding import channel_binding, end_point

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.example")])
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def certificate(
    key: Key,
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None,
    pss: bool = False,
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("mx.example")]), critical=False)
    )
    scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH) if pss and algorithm else None
    return builder.sign(key, algorithm, rsa_padding=scheme).public_bytes(Encoding.DER)


@pytest.mark.parametrize("pss", [False, True], ids=["PKCS #1", "PSS"])
@pytest.mark.parametrize("algorithm", [hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_end_point_is_hashed_as_the_certificate_was_signed(
    algorithm: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512, pss: bool
) -> None:
    der = certificate(RSA, algorithm, pss)
    binding = end_point(der)
    assert binding is not None
    assert (binding.kind, binding.data) == ("tls-server-end-point", hashlib.new(algorithm.name, der).digest())


@pytest.mark.parametrize("algorithm", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_elliptic_curves_are_hashed_as_signed_too(
    algorithm: hashes.SHA256 | hashes.SHA384 | hashes.SHA512,
) -> None:
    der = certificate(EC, algorithm)
    binding = end_point(der)
    assert binding is not None
    assert binding.data == hashlib.new(algorithm.name, der).digest()


@pytest.mark.parametrize("oid", ["2a864886f70d010104", "2a864886f70d010105", "2a8648ce3d0401"])
def test_md5_and_sha1_are_replaced_by_sha256(oid: str) -> None:
    algorithm = bytes.fromhex(oid)
    signed_by = b"\x30" + bytes([len(algorithm) + 2]) + b"\x06" + bytes([len(algorithm)]) + algorithm
    fields = b"\x30\x02\x05\x00" + signed_by + b"\x03\x01\x00"
    der = b"\x30" + bytes([len(fields)]) + fields
    binding = end_point(der)
    assert binding is not None
    assert binding.data == hashlib.sha256(der).digest()


def test_pss_without_a_hash_of_its_own_means_sha1_and_so_sha256() -> None:
    algorithm = bytes.fromhex("300d06092a864886f70d01010a3000")
    fields = b"\x30\x02\x05\x00" + algorithm
    der = b"\x30" + bytes([len(fields)]) + fields
    binding = end_point(der)
    assert binding is not None
    assert binding.data == hashlib.sha256(der).digest()


def test_for_an_algorithm_without_one_hash_no_end_point_is_defined() -> None:
    assert end_point(certificate(ed25519.Ed25519PrivateKey.generate(), None)) is None


def test_what_is_no_certificate_has_no_end_point_and_hurts_nobody() -> None:
    der = certificate(EC, hashes.SHA256())
    assert all(end_point(der[:length]) is None for length in range(len(der)))
    assert end_point(b"\x30\x84\xff\xff\xff\xff" + der) is None
    assert end_point(b"\x30\x80" + der) is None


@pytest.mark.parametrize(
    ("version", "kind"),
    [(ssl.TLSVersion.TLSv1_2, "tls-unique"), (ssl.TLSVersion.TLSv1_3, "tls-server-end-point")],
)
def test_both_ends_of_a_connection_have_the_same_binding(
    version: ssl.TLSVersion, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    der = certificate(EC, hashes.SHA256())
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    key = EC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(key + ssl.DER_cert_to_PEM_cert(der).encode())
    client, server = connected(str(pem), version)
    binding = channel_binding(client)
    assert binding is not None
    assert binding.kind == kind
    theirs = (
        server.get_channel_binding("tls-unique") if kind == "tls-unique" else hashlib.sha256(der).digest()
    )
    assert binding.data == theirs


def connected(pem: str, version: ssl.TLSVersion) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Two ends of one TLS connection, in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side, server_side = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    server_side.load_cert_chain(pem)
    client_side.load_verify_locations(pem)
    client_side.minimum_version = client_side.maximum_version = version
    client = client_side.wrap_bio(to_client, to_server, server_hostname="mx.example")
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return client, server
