"""The asset's certificates, as an SSL context: a PEM file, PEM text, or PKCS#12 for our own.

OpenSSL reads a certificate and its key from files only. They go through a folder that only we can read, for as long
as that takes, and the key is locked with a password of that moment: a process that is killed meanwhile leaves
nothing behind that anybody could use.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from delivery.asset import Asset
from delivery.errors import UnusableSetting
from smtp import pem
from smtp.tls import ClientCertificate, TlsSettings, make_context


def tls_context(asset: Asset) -> ssl.SSLContext:
    """Return the context that the asset's fields ask for. Raises `UnusableSetting` naming what can't be used.

    With `ca_bundle` the mail server is verified by the authorities in it instead of the system's.
    """
    import tempfile  # with all that it loads, only needed for TLS

    ca_bundle = asset.login.ca_bundle
    try:
        authorities = pem.authorities(ca_bundle) if ca_bundle else ""
    except pem.NotPem as exc:
        raise UnusableSetting("ca_bundle", str(exc)) from exc
    with tempfile.TemporaryDirectory() as folder:
        has_own = asset.client_cert or asset.client_key
        settings = TlsSettings(
            authorities=authorities,
            client_certificate=_client_certificate(asset, Path(folder)) if has_own else None,
            dangerously_accept_any_certificate=not asset.verify_server_cert,
        )
        try:
            return make_context(settings)
        except ValueError as exc:
            fields = [name for name in ("ca_bundle", "client_cert", "client_key") if getattr(asset, name)]
            raise UnusableSetting(" and ".join(fields) or "ssl_config", str(exc)) from exc


def _client_certificate(asset: Asset, folder: Path) -> ClientCertificate:
    """The certificate with its chain and its locked key, in one file of `folder`."""
    if not asset.client_cert:
        raise UnusableSetting("client_key", "it is given without client_cert")
    from auth import certificate

    try:
        own = certificate.read(asset.client_cert, asset.client_key, asset.client_key_password)
    except certificate.UnusableCertificate as exc:
        raise UnusableSetting("client_key" if exc.in_key else "client_cert", str(exc)) from exc
    text, password = own.locked()
    path = folder / "certificate.pem"
    path.write_text(text, encoding="ascii")
    return ClientCertificate(str(path), password=password)
