"""The asset's certificates, as an SSL context: a PEM file, PEM text, or PKCS#12 for our own.

OpenSSL reads a certificate chain from files only. Text that the asset holds goes through a folder that only
we can read, for as long as that takes.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
from pathlib import Path

from actions.contract import Asset
from smtp.errors import Category, MailError
from smtp.tls import ClientCertificate, TlsSettings, make_context

_PEM = "-----BEGIN "
# A sequence with a length of several octets, which every PKCS#12 file is.
_DER_AS_BASE64 = "MI"


class UnusableSetting(MailError):
    """A field of the asset holds something that can't be used, as only its use shows."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(
            f"the asset's {field} can't be used: {reason}", step="asset", category=Category.CONFIGURATION
        )


def tls_context(asset: Asset) -> ssl.SSLContext:
    """The context that the asset's fields ask for. Raises `UnusableSetting` naming the field that can't be used."""
    import tempfile  # with all that it loads, only needed for TLS

    authorities = _text(asset.ca_bundle, "ca_bundle") if asset.ca_bundle else ""
    with tempfile.TemporaryDirectory() as folder:
        settings = TlsSettings(
            authorities=authorities,
            client_certificate=_client_certificate(asset, Path(folder)),
            dangerously_accept_any_certificate=not asset.verify_server_cert,
        )
        try:
            return make_context(settings)
        except ValueError as exc:
            fields = [name for name in ("ca_bundle", "client_cert", "client_key") if getattr(asset, name)]
            raise UnusableSetting(" and ".join(fields) or "ssl_config", str(exc)) from exc


def _client_certificate(asset: Asset, folder: Path) -> ClientCertificate | None:
    if not asset.client_cert:
        if asset.client_key:
            raise UnusableSetting("client_key", "it is given without client_cert")
        return None
    octets = _octets(asset.client_cert, "client_cert")
    password = asset.client_key_password
    if _PEM.encode() not in octets:
        octets, password = _from_pkcs12(octets, password)
    certificate = folder / "certificate.pem"
    certificate.write_bytes(octets)
    if not asset.client_key:
        return ClientCertificate(str(certificate), password=password)
    key = folder / "key.pem"
    key.write_bytes(_octets(asset.client_key, "client_key"))
    return ClientCertificate(str(certificate), str(key), password)


def _from_pkcs12(octets: bytes, password: str) -> tuple[bytes, str]:
    """The same as PEM, the key locked again with a password of this moment."""
    import secrets

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(octets, password.encode() or None)
    except ValueError as exc:
        raise UnusableSetting(
            "client_cert", "it is neither PEM nor a PKCS#12 file that client_key_password opens"
        ) from exc
    if key is None or certificate is None:
        raise UnusableSetting("client_cert", "the PKCS#12 file lacks a key or a certificate")
    momentary = secrets.token_urlsafe()
    pem = serialization.Encoding.PEM
    locked = key.private_bytes(
        pem,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(momentary.encode()),
    )
    return b"".join([certificate.public_bytes(pem), *(c.public_bytes(pem) for c in chain), locked]), momentary


def _text(value: str, field: str) -> str:
    try:
        return _octets(value, field).decode("ascii")
    except UnicodeDecodeError as exc:
        raise UnusableSetting(field, "it is not PEM") from exc


def _octets(value: str, field: str) -> bytes:
    """PEM text as it stands, PKCS#12 as base64, else the content of the file of that name."""
    if _PEM in value:
        return value.replace("\\n", "\n").encode()
    if value.startswith(_DER_AS_BASE64):
        with contextlib.suppress(ValueError):
            return base64.b64decode("".join(value.split()), validate=True)
    try:
        return Path(value).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else "it is not the name of a file"
        raise UnusableSetting(field, reason.lower()) from exc
