"""TLS: three modes and no fourth, certificates verified unless a setting whose name says so turns that off."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class TlsMode(StrEnum):
    """When TLS begins. What is chosen is required: nothing goes on without it."""

    NONE = "None"
    SSL = "SSL"
    """From the first octet (RFC 8314 section 3.3)."""
    STARTTLS = "StartTLS"
    """After the STARTTLS command (RFC 3207)."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A PEM file with certificate and key for mutual TLS; `password` opens the key."""

    path: str
    key_path: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How to do TLS. `authorities` is PEM text; with it, only those authorities are trusted, else the system's."""

    authorities: str = ""
    client_certificate: ClientCertificate | None = None
    dangerously_accept_any_certificate: bool = False


@dataclass(frozen=True, slots=True)
class TlsState:
    """What was negotiated. `subject`, `issuer` and `days_left` are "" and None for a certificate not verified."""

    version: str
    cipher: str
    subject: str
    issuer: str
    days_left: int | None


def make_context(settings: TlsSettings = TlsSettings()) -> ssl.SSLContext:
    """A client context: TLS 1.2 at least, host names matched against subject alternative names only.

    Raises `ValueError` when the authorities or the client certificate can't be used.
    """
    try:
        context = ssl.create_default_context(cadata=settings.authorities or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # From Python 3.13 on this is set by default, and refuses what private authorities have issued for decades
        # (no key identifiers, no keyUsage, RFC 5280 section 4.2). Chain, dates and name are verified all the same.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.hostname_checks_common_name = False
        if settings.dangerously_accept_any_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if settings.client_certificate is not None:
            _load_client_certificate(context, settings.client_certificate)
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise ValueError(f"no TLS with these settings: {_reason(exc)}") from exc
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    # An empty password makes OpenSSL fail on a locked key; without one it would ask at the terminal.
    context.load_cert_chain(
        certificate.path, certificate.key_path or None, password=lambda: certificate.password
    )


def _reason(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLError):
        return exc.reason.replace("_", " ").lower() if exc.reason else "it is not PEM"
    return exc.strerror or type(exc).__name__ if isinstance(exc, OSError) else str(exc)


def state_of(connection: ssl.SSLSocket) -> TlsState:
    """What a connection whose handshake is done negotiated."""
    certificate: dict[str, Any] = connection.getpeercert() or {}
    cipher = connection.cipher()
    expires = certificate.get("notAfter")
    days = None
    if expires:
        days = int((ssl.cert_time_to_seconds(expires) - time.time()) // 86_400)
    return TlsState(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        subject=_name(certificate.get("subject", ())),
        issuer=_name(certificate.get("issuer", ())),
        days_left=days,
    )


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    pairs = dict(pair for part in parts for pair in part)
    return pairs.get("commonName") or pairs.get("organizationName") or ""


# OpenSSL's X509_V_ERR_* numbers, as `ssl.SSLCertVerificationError.verify_code` gives them.
_CERTIFICATE_FAULTS = MappingProxyType(
    {
        9: ("is not valid yet", "Check this machine's clock, and the certificate."),
        10: ("has expired", "Have the server's certificate renewed."),
        18: (
            "is self-signed",
            "If it is the right one, put it into the asset's ca_bundle.",
        ),
        19: (
            "comes from an authority that is not trusted here",
            "If the authority is yours, put its certificate into the asset's ca_bundle.",
        ),
        20: (
            "comes from an authority that is not known here",
            "If the authority is yours, put its certificate into the asset's ca_bundle; "
            "if it is a public one, the server may not be sending its intermediate certificates.",
        ),
        62: (
            "is for another host name",
            "Set server to a name that the certificate lists, or have the certificate reissued.",
        ),
        64: (
            "is not for this IP address",
            "Set server to a host name that the certificate lists.",
        ),
    }
)


def certificate_fault(exc: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """What is wrong with the server's certificate, and what to do."""
    known = _CERTIFICATE_FAULTS.get(exc.verify_code)
    if known is not None:
        return known
    text = str(exc.verify_message or exc.reason or "is not acceptable")
    return f"can't be verified ({text})", "Have the server's certificate checked."


# What OpenSSL says when the peer's first octets are not TLS at all.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})


def is_plaintext_answer(exc: ssl.SSLError) -> bool:
    """Whether the peer answered the handshake with something that is not TLS."""
    return exc.reason in _NOT_TLS
