"""The asset's certificates, as an SSL context: a PEM file, PEM text, or PKCS#12 for our own.

OpenSSL reads a certificate and its key from files only. They go through a folder that only we can read, for as long
as that takes, and the key is locked with a password of that moment: a process that is killed meanwhile leaves
nothing behind that anybody could use.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from delivery.asset import Asset
from delivery.errors import UnusableSetting
from smtp import pem
from smtp.tls import ClientCertificate, TlsSettings, make_context

FileVersion = tuple[int, int, int, int]
"""What a file is told by: its device, inode, time of the last change (ns) and size."""


@lru_cache(8)
def shared_context(
    ca_bundle: str,
    verify_server_cert: bool,
    files: tuple[FileVersion | None, ...],  # noqa: ARG001 - what was made goes for as long as they stay the same
) -> ssl.SSLContext:
    """Return the context for these fields of an asset without a certificate of its own. It is made once.

    `files` has the state of each file that is read for it, the system's as well. Raises `UnusableSetting`.
    """
    return _context(ca_bundle, verify_server_cert, None, "ca_bundle" if ca_bundle else "ssl_config")


def own_context(asset: Asset) -> ssl.SSLContext:
    """Return the context for an asset with a certificate of its own. Raises `UnusableSetting` naming what is wrong.

    It is made for each run, so that nobody's private key stays in memory when the run is over.
    """
    import tempfile  # with all that it loads, only needed for this

    with tempfile.TemporaryDirectory() as folder:
        own = _client_certificate(asset, Path(folder))
        fields = [name for name in ("ca_bundle", "client_cert", "client_key") if getattr(asset, name)]
        return _context(asset.ca_bundle, asset.verify_server_cert, own, " and ".join(fields))


def _context(
    ca_bundle: str, verify_server_cert: bool, own: ClientCertificate | None, fields: str
) -> ssl.SSLContext:
    """Raises `UnusableSetting`, which names `fields` where it may be any of them."""
    try:
        authorities = pem.authorities(ca_bundle) if ca_bundle else ""
    except pem.NotPem as exc:
        raise UnusableSetting("ca_bundle", str(exc)) from exc
    settings = TlsSettings(authorities, own, dangerously_accept_any_certificate=not verify_server_cert)
    try:
        return make_context(settings)
    except ValueError as exc:
        raise UnusableSetting(fields, str(exc)) from exc


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
