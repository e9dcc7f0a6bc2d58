"""A certificate authority for the tests, and certificates that are right, and wrong in every usual way."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from functools import cached_property
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HERE = ("localhost", "127.0.0.1", "::1")
"""The names and addresses that a server of the tests can be reached under."""
DAY = datetime.timedelta(days=1)


class Authority:
    """Issues server and client certificates. Each property is a context made once and ready for a server."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @property
    def pem(self) -> str:
        """The authority's own certificate: what a `ca_bundle` holds."""
        return self._ca.cert_pem.bytes().decode("ascii")

    def issue(self, *identities: str) -> trustme.LeafCert:
        """A certificate for these host names and addresses, or e-mail addresses for a client."""
        return self._ca.issue_cert(*identities)

    def server(self, *identities: str) -> ssl.SSLContext:
        """A server's context with a certificate for these identities."""
        return _context(self.issue(*identities))

    def client(self) -> ssl.SSLContext:
        """A client's context that trusts this authority alone and looks at subjectAltName only."""
        context = ssl.create_default_context(cadata=self.pem)
        context.hostname_checks_common_name = False
        return context

    @cached_property
    def good(self) -> ssl.SSLContext:
        """Right for localhost, 127.0.0.1 and ::1."""
        return self.server(*HERE)

    @cached_property
    def wrong_host(self) -> ssl.SSLContext:
        return self.server("mail.example.test")

    @cached_property
    def wildcard(self) -> ssl.SSLContext:
        """`*.example.test`: right for mail.example.test, wrong for example.test and a.b.example.test."""
        return self.server("*.example.test")

    @cached_property
    def expired(self) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        return _context(self._ca.issue_cert(*HERE, not_before=now - 30 * DAY, not_after=now - DAY))

    @cached_property
    def not_yet_valid(self) -> ssl.SSLContext:
        now = datetime.datetime.now(datetime.UTC)
        return _context(self._ca.issue_cert(*HERE, not_before=now + DAY, not_after=now + 30 * DAY))

    @cached_property
    def common_name_only(self) -> ssl.SSLContext:
        """The host name is in the subject only: RFC 6125 section 6.4.4 no longer lets that count."""
        return _context(self._ca.issue_cert(common_name="localhost"))

    @cached_property
    def self_signed(self) -> ssl.SSLContext:
        """Right in everything, but vouched for by nobody."""
        return _context(_self_signed_certificate())

    @cached_property
    def as_decades_ago(self) -> tuple[ssl.SSLContext, str]:
        """What private authorities go on issuing: no key identifiers, no keyUsage, basicConstraints not critical.

        A context for a server at localhost, and the authority that vouches for it, as PEM.
        """
        return _chain_as_decades_ago()

    @cached_property
    def another_authority(self) -> ssl.SSLContext:
        return _context(trustme.CA().issue_cert(*HERE))

    @cached_property
    def asks_for_client(self) -> ssl.SSLContext:
        """Right, and wants a certificate of this authority from the client."""
        context = _context(self.issue(*HERE))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.pem)
        return context


def be_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make contexts as Python does from 3.13 on, whose default refuses what RFC 5280 doesn't like the form of."""

    def strict(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        context = make(*args, **kwargs)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    from delivery.certificates import shared_context

    shared_context.cache_clear()  # what others made is not as strict
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", strict)


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _chain_as_decades_ago() -> tuple[ssl.SSLContext, str]:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of 2003")])
    host = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    begun = x509.CertificateBuilder().issuer_name(root).not_valid_before(now - DAY).not_valid_after(now + DAY)
    ca = (
        begun.subject_name(root)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        begun.subject_name(host)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    issued = trustme.LeafCert(key_pem, leaf.public_bytes(Encoding.PEM), [])
    return _context(issued), ca.public_bytes(Encoding.PEM).decode()


def _self_signed_certificate() -> trustme.LeafCert:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return trustme.LeafCert(key_pem, certificate.public_bytes(Encoding.PEM), [])


_SHARED = Authority()


def authority() -> Authority:
    """The one that all tests of this process share, in whatever thread: making keys takes time."""
    return _SHARED
