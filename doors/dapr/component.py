"""A component: what its metadata says about the server and about every mail, read once and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auth.settings import Login
from delivery.asset import Asset
from smtp.tls import TlsMode

SMTPS = 465
"""The port where TLS comes first (RFC 8314 section 7.3)."""
CONNECTION_FIELDS = ("host", "port", "user", "password", "skipTLSVerify", "startTLS")
MAIL_FIELDS = ("emailFrom", "emailTo", "emailCC", "emailBCC", "subject", "priority")
DEFAULT_PRIORITY = "3"

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})
_START_TLS = MappingProxyType({"ifoffered": TlsMode.IF_OFFERED, "required": TlsMode.STARTTLS})


class MetadataError(Exception):
    """A component or a request says something that can't be used. The text names the field, never a secret."""

    def __init__(self, text: str) -> None:
        super().__init__(f"smtp binding error: {text}")


@dataclass(frozen=True, slots=True)
class Component:
    """A component that can send. `mail` has what it says about every mail, by the names of `MAIL_FIELDS`."""

    name: str
    version: str
    asset: Asset
    mail: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def read_component(name: str, metadata: Mapping[str, str], version: str = "v1") -> Component:
    """Raises `MetadataError`."""
    known, unknown = known_fields(metadata, (*CONNECTION_FIELDS, *MAIL_FIELDS))
    warnings = [f"{name}: metadata {', '.join(unknown)} means nothing here."] if unknown else []
    if not known.get("host") or not known.get("port"):
        raise MetadataError("host and port fields are required in metadata")
    if ("user" in known) != ("password" in known):
        raise MetadataError("both user and password fields are required in metadata")
    if "priority" in known:
        check_priority(known["priority"])
    asset = _asset(name, known)
    if asset.ssl_config == TlsMode.IF_OFFERED and "user" in known:
        warnings.append(f"{name}: with startTLS: ifOffered nobody logs in; user and password are not used.")
    if not asset.verify_server_cert:
        warnings.append(
            f"{name}: skipTLSVerify is on: whoever is between here and the server can read its mails."
        )
    mail = {field: known[field] for field in MAIL_FIELDS if field in known}
    return Component(name, version, asset, mail, tuple(warnings))


def known_fields(metadata: Mapping[str, str], names: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What `metadata` has of these names, in any case, under the names as they stand here; and its other names.

    An empty value counts as not given. Raises `MetadataError` for a name that is there twice.
    """
    spelled = {name.lower(): name for name in names}
    known: dict[str, str] = {}
    unknown: list[str] = []
    seen: dict[str, str] = {}
    for given, value in metadata.items():
        name = spelled.get(given.lower())
        if name is None:
            unknown.append(given)
            continue
        if name in seen:
            raise MetadataError(f"{name} is given twice in metadata, as {seen[name]} and as {given}")
        seen[name] = given
        if value.strip():
            known[name] = value if name == "password" else value.strip()
    return known, tuple(unknown)


def check_priority(value: str) -> None:
    """Raises `MetadataError`."""
    if value not in ("1", "2", "3", "4", "5"):
        raise MetadataError("priority value must be between 1 (highest) and 5 (lowest)")


def _asset(name: str, known: Mapping[str, str]) -> Asset:
    port = _port(known["port"])
    user = known.get("user", "")
    login = Login(
        id=f"dapr-{name}",
        server=known["host"].strip("[]"),
        port=port,
        auth_type="Basic" if user else "Passwordless",
        username=user,
        password=known.get("password", ""),
    )
    return Asset(
        login,
        ssl_config=_tls(port, user, known.get("startTLS", "")),
        verify_server_cert=not _boolean("skipTLSVerify", known.get("skipTLSVerify", "false")),
    )


def _tls(port: int, user: str, start_tls: str) -> TlsMode:
    if start_tls.lower() not in ("", *_START_TLS):
        raise MetadataError("startTLS has to be required or ifOffered")
    if port == SMTPS:
        return TlsMode.SSL
    if start_tls:
        return _START_TLS[start_tls.lower()]
    return TlsMode.STARTTLS if user else TlsMode.IF_OFFERED


def _port(value: str) -> int:
    port = int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else 0
    if not 1 <= port <= 65535:
        raise MetadataError("Unable to parse specified port to integer value: it has to be 1 to 65535")
    return port


def _boolean(name: str, value: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise MetadataError(f"{name} has to be true or false")
