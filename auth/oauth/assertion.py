"""Signed statements about who we are: JSON Web Tokens as credentials (RFC 7523)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509 import load_pem_x509_certificate
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.util import urlsafe_b64encode

from auth.certificate import Certificate, UnusableCertificate, read
from auth.errors import AuthError, Step
from auth.settings import Login
from smtp import pem
from smtp.errors import Category

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE_JWT = "urn:ietf:params:oauth:token-type:jwt"
TYPE_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
"""RFC 8693 sections 2.1 and 3."""
LIFETIME = 300
"""Seconds. Some providers take no more, and it serves for one request only."""
MAX_TOKEN = 64 * 1024
"""Octets of a token in a file."""
_CURVES = MappingProxyType({"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"})
_OTHER_KEY = "Make a certificate with an RSA key (2048 bits or more), which every provider takes."


def client_assertion(login: Login) -> str:
    """Return the statement by which the application proves who it is; "" where it has none. Raises `AuthError`."""
    if login.oauth_certificate:
        own = application_certificate(login)
        claims = {"iss": login.client_id, "sub": login.client_id, "aud": login.token_url}
        return signed(own.key, claims, header=_thumbprints(own), field="oauth_certificate")
    return federated_token(login) if login.federated_token_file else ""


def application_certificate(login: Login) -> Certificate:
    """Return the asset's `oauth_certificate` with its key. Raises `AuthError`."""
    try:
        return read(login.oauth_certificate, "", login.oauth_certificate_password)
    except UnusableCertificate as exc:
        raise _unusable(
            "oauth_certificate",
            str(exc),
            "Give a PEM or PKCS#12 file that holds the certificate and its private key, or its text "
            "(PKCS#12 in base64), and its password in oauth_certificate_password.",
        ) from exc


def federated_token(login: Login) -> str:
    """Return the token that the platform keeps in the file, as it is at this moment. Raises `AuthError`."""
    hint = "Name the file that the platform (Kubernetes, a build service) writes the workload's token into."
    try:
        octets = pem.read(login.federated_token_file)
    except pem.NotPem as exc:
        raise _unusable("federated_token_file", str(exc), hint) from exc
    text = octets[: MAX_TOKEN + 1].decode("ascii", "replace").strip()
    if len(octets) > MAX_TOKEN or text.count(".") < 2 or not text.isascii() or len(text.split()) != 1:
        raise _unusable("federated_token_file", "it does not hold a token", hint)
    return text


def signed(key: PrivateKeyTypes, claims: Mapping[str, Any], *, header: Mapping[str, Any], field: str) -> str:
    """Return `claims`, with their times and an id of their own, signed with `key`. Raises `AuthError` for `field`."""
    algorithm, own = _key(key, field)
    now = int(time.time())
    whole = {**claims, "iat": now, "nbf": now, "exp": now + LIFETIME, "jti": secrets.token_urlsafe(24)}
    try:
        return jwt.encode({"alg": algorithm, **header}, whole, own, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as exc:
        raise _unusable(
            field, f"nothing can be signed with its key ({type(exc).__name__})", _OTHER_KEY
        ) from None


def _key(key: PrivateKeyTypes, field: str) -> tuple[str, Key]:
    """The algorithm for `key` (RFC 7518 section 3.1), and `key` as the library wants it."""
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _unusable(field, "its key is neither RSA nor EC", _OTHER_KEY)
    octets = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS256", RSAKey.import_key(octets)
    if key.curve.name not in _CURVES:
        raise _unusable(
            field, f"its key is on the curve {key.curve.name}, which providers do not take", _OTHER_KEY
        )
    return _CURVES[key.curve.name], ECKey.import_key(octets)


def _thumbprints(own: Certificate) -> dict[str, str]:
    """By these a provider finds the certificate that was registered (RFC 7515 sections 4.1.7 and 4.1.8)."""
    certificate = load_pem_x509_certificate(own.chain.encode("ascii"))
    sha1 = certificate.fingerprint(hashes.SHA1())  # noqa: S303 - the header's name says so
    sha256 = certificate.fingerprint(hashes.SHA256())
    return {
        "x5t": urlsafe_b64encode(sha1).decode("ascii"),
        "x5t#S256": urlsafe_b64encode(sha256).decode("ascii"),
    }


def _unusable(field: str, reason: str, hint: str) -> AuthError:
    return AuthError(
        f"The asset's {field} can't be used: {reason}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint=hint,
    )
