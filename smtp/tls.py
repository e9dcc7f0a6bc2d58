"""TLS: a closed set of modes, certificates verified unless a setting whose name says so turns that off."""

from __future__ import annotations

import ssl
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from smtp.errors import CertificateError, Reason, TlsError


class TlsMode(StrEnum):
    """When TLS begins. What is chosen is required: nothing goes on without it, but for `IF_OFFERED`."""

    NONE = "None"
    SSL = "SSL"
    """From the first octet (RFC 8314 section 3.3)."""
    STARTTLS = "StartTLS"
    """After the STARTTLS command (RFC 3207)."""
    IF_OFFERED = "IfOffered"
    """The same where the server offers it, else none. Whoever is between here and the server can take the offer out of
    its answer, so nobody may log in in this mode."""


class ClientCertificate(NamedTuple):
    """A PEM file with certificate and key for mutual TLS; `password` opens the key."""

    path: str
    key_path: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Without the password."""
        return f"ClientCertificate({self.path!r}, {self.key_path!r})"


class TlsSettings(NamedTuple):
    """How to do TLS. `authorities` is PEM text; with it, only those authorities are trusted, else the system's."""

    authorities: str = ""
    client_certificate: ClientCertificate | None = None
    dangerously_accept_any_certificate: bool = False


class TlsState(NamedTuple):
    """What was negotiated. What is told of the certificate is "" and None for one that was not verified.

    `expires` is in seconds since the epoch.
    """

    version: str
    cipher: str
    subject: str
    issuer: str
    days_left: int | None
    expires: float | None = None


_BY_DEFAULT = TlsSettings()


def make_context(settings: TlsSettings = _BY_DEFAULT) -> ssl.SSLContext:
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


# OpenSSL's X509_V_ERR_* numbers, as `ssl.SSLCertVerificationError.verify_code` gives them.
_CERTIFICATE_FAULTS = MappingProxyType(
    {
        9: ("is not valid yet", Reason.NONE, "Check this machine's clock, and the certificate."),
        10: ("has expired", Reason.NONE, "Have the server's certificate renewed."),
        18: ("is self-signed", Reason.SELF_SIGNED_CERTIFICATE, ""),
        19: ("comes from an authority that is not trusted here", Reason.UNTRUSTED_AUTHORITY, ""),
        20: ("comes from an authority that is not known here", Reason.UNKNOWN_AUTHORITY, ""),
        62: ("is for another host name", Reason.OTHER_HOST_NAME, ""),
        64: ("is not for this IP address", Reason.OTHER_IP_ADDRESS, ""),
    }
)


def certificate_error(host: str, exc: ssl.SSLCertVerificationError) -> CertificateError:
    """What is wrong with the certificate of `host`."""
    known = _CERTIFICATE_FAULTS.get(exc.verify_code)
    if known is not None:
        fault, reason, hint = known
    else:
        text = str(exc.verify_message or exc.reason or "is not acceptable")
        fault, reason, hint = (
            f"can't be verified ({text})",
            Reason.NONE,
            "Have the server's certificate checked.",
        )
    return CertificateError(f"the certificate of {host} {fault}", reason=reason, hint=hint)


# What OpenSSL says when the peer's first octets are not TLS at all.
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"})


def handshake_error(exc: ssl.SSLError) -> TlsError:
    """Why there is no TLS, where the certificate is not to blame."""
    if exc.reason in _NOT_TLS:
        return TlsError("the server did not answer with TLS", reason=Reason.NOT_TLS)
    said = (exc.reason or "no reason given").replace("_", " ").lower()
    return TlsError(
        f"the TLS handshake failed: {said}",
        hint="The server may speak only versions before TLS 1.2, or want a client certificate.",
    )
