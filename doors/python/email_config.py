"""The configuration of `EmailConnection`: lines as `/config/connection/defaults/smtp/hostname = "smtp.example.com"`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auth.settings import Login
from delivery.asset import Asset
from doors.python.jks import UnusableStore
from host.local.inputs import InputError
from smtp.tls import TlsMode

PREDEFINED = "defaultConfig"
"""The system's authorities, no client certificate."""
_MASKS = ("<xor>", "{xor}")
_MASK = 0x5F
_CONNECTION = "/config/connection/defaults/smtp/"
_SMTPS = "/config/connection/smtps/"
_ENTRY = re.compile(r"^[ \t]*(/[^\s=]+)[ \t]*=[ \t]*", re.MULTILINE)
_KEYS = (
    "hostname",
    "port",
    "mailto",
    "smtpsConfig",
    "userid",
    "password",
    "connectionTimeout",
    "readTimeout",
)
_STORE_KEYS = (
    "trustStore",
    "trustStorePassword",
    "trustStoreType",
    "keyStore",
    "keyStorePassword",
    "keyStoreType",
    "disableTrustVerification",
)
_MOST_OCTETS = 1 << 20


class RequestError(InputError, ValueError):
    """What was asked for, or its configuration, can't be used. Nothing was sent. The text says what to change."""


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration: the parameters of the protocol, and the SMTPS configurations by their names.

    `folder` is where the stores' relative names begin; without a file of that name there, this process's folder.
    """

    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)
    smtps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    folder: Path = Path()
    allow_plaintext_auth: bool = False

    def with_keywords(self, keywords: Mapping[str, Any]) -> Config:
        """The same with parameters that were given by name. Raises `RequestError`."""
        given = dict(keywords)
        allowed = bool(given.pop("allow_plaintext_auth", self.allow_plaintext_auth))
        for name in given:
            if name not in _KEYS:
                raise RequestError(f"There is no parameter {name}: there are {', '.join(_KEYS)}.")
        return Config({**self.connection, **given}, self.smtps, self.folder, allowed)

    @property
    def mailto(self) -> str:
        return _text("mailto", self.connection.get("mailto"))

    def asset(self) -> Asset:
        """The account that it describes. Raises `RequestError`."""
        get = self.connection.get
        smtps = _text("smtpsConfig", get("smtpsConfig"))
        userid, password = _text("userid", get("userid")), unmasked("password", get("password"))
        if userid and not password:
            raise RequestError("A userid needs a password.")
        port = _number("port", get("port"), 465 if smtps else 25)
        if not 1 <= port <= 65535 or port != int(port):
            raise RequestError(f"The port {port} is not 1 to 65535.")
        tls = self._tls(smtps) if smtps else _Tls()
        login = Login(
            id="email-connection",
            server=_text("hostname", get("hostname")) or "localhost",
            port=int(port),
            auth_type="Basic" if userid else "Passwordless",
            username=userid,
            password=password,
            ca_bundle=tls.authorities,
            connection_timeout=_number("connectionTimeout", get("connectionTimeout"), 15),
            read_timeout=_number("readTimeout", get("readTimeout"), 60),
        )
        return Asset(
            login,
            ssl_config=TlsMode.SSL if smtps else TlsMode.NONE,
            sasl_mechanism="PLAIN" if userid else "",
            allow_plaintext_auth=self.allow_plaintext_auth,
            verify_server_cert=not tls.accepts_anybody,
            client_cert=tls.client_certificate,
            client_key_password=tls.client_key_password,
        )

    def _tls(self, name: str) -> _Tls:
        """The SMTPS configuration of that name. Raises `RequestError`."""
        if name == PREDEFINED and name not in self.smtps:
            return _Tls()
        given = self.smtps.get(name)
        if given is None:
            known = ", ".join((*self.smtps, PREDEFINED))
            raise RequestError(f"There is no SMTPS configuration {name}: there are {known}.")
        from doors.python import stores  # most configurations have none

        where = f"{_SMTPS}{name}"
        accepts_anybody = given.get("disableTrustVerification") in (True, "true")
        authorities, certificate, opener = "", "", ""
        try:
            store, kind, password = self._store(where, given, "trustStore", is_required=not accepts_anybody)
            if store is not None:
                authorities = stores.trusted(store, kind, password)
            store, kind, password = self._store(where, given, "keyStore", is_required=False)
            if store is not None:
                certificate, opener = stores.identity(store, kind, password).locked()
        except UnusableStore as error:
            raise RequestError(f"{where}: the store {store} can't be used: {error}.") from error
        return _Tls(authorities, certificate, opener, accepts_anybody)

    def _store(
        self, where: str, given: Mapping[str, Any], name: str, *, is_required: bool
    ) -> tuple[Path | None, str, str]:
        """The file of a store, its type and its password."""
        file, kind = _text(name, given.get(name)), _text(f"{name}Type", given.get(f"{name}Type"))
        if not file:
            if is_required:
                raise RequestError(f"{where}: {name} is missing, and it is required.")
            return None, "", ""
        password = unmasked(f"{name}Password", given.get(f"{name}Password"))
        if not kind:
            raise RequestError(f"{where}: {name}Type is missing, and it is required.")
        if not password and kind.upper() != "PEM":
            raise RequestError(f"{where}: {name}Password is missing, and it is required.")
        beside = self.folder / file
        return beside if beside.exists() else Path(file), kind, password


@dataclass(frozen=True, slots=True)
class _Tls:
    """What an SMTPS configuration comes to; texts are PEM."""

    authorities: str = ""
    client_certificate: str = field(default="", repr=False)
    client_key_password: str = field(default="", repr=False)
    accepts_anybody: bool = False


def load_config(path: str | Path) -> Config:
    """Read a configuration file. Other entries than the protocol's own are passed over. Raises `RequestError`."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            octets = file.read(_MOST_OCTETS + 1)
        text = octets.decode("utf-8-sig")
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8.") from error
    if len(octets) > _MOST_OCTETS:
        raise RequestError(f"{path} is larger than {_MOST_OCTETS} octets.")
    connection: dict[str, Any] = {}
    smtps: dict[str, Mapping[str, Any]] = {}
    decoder = json.JSONDecoder()
    at = 0
    while found := _ENTRY.search(text, at):
        name = found[1]
        line = text.count("\n", 0, found.start(1)) + 1
        try:
            value, at = decoder.raw_decode(text, found.end())
        except (ValueError, RecursionError) as error:
            # The parser's own text could show what stands there.
            raise RequestError(f"{path}, line {line}: the value of {name} is not JSON.") from error
        if name.startswith(_CONNECTION):
            connection[_known(name[len(_CONNECTION) :], _KEYS, path, line)] = value
        elif name.startswith(_SMTPS):
            smtps[name[len(_SMTPS) :]] = _smtps(value, path, line)
    return Config(connection, smtps, path.absolute().parent)


def unmasked(name: str, value: object) -> str:
    """A password, taken out of its mask where it has one: each octet XOR 0x5F, in base64. Raises `RequestError`."""
    text = _text(name, value)
    if not text.lower().startswith(_MASKS):
        return text
    try:
        masked = base64.b64decode(text[len(_MASKS[0]) :], validate=True)
        return bytes(octet ^ _MASK for octet in masked).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"{name}: what follows {text[: len(_MASKS[0])]} is no masked password.") from error


def _smtps(value: object, path: Path, line: int) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RequestError(f"{path}, line {line}: an SMTPS configuration has to be an object.")
    for name in value:
        _known(name, _STORE_KEYS, path, line)
    return value


def _known(name: str, names: tuple[str, ...], path: Path, line: int) -> str:
    if name not in names:
        raise RequestError(f"{path}, line {line}: there is no {name}; there are {', '.join(names)}.")
    return name


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"{name} has to be a text.")
    return value


def _number(name: str, value: object, default: float) -> float:
    """A number, or a text that is one; more than nothing."""
    if value is None or value == "":
        return default
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except ValueError:
        number = 0.0
    if not 0 < number < 1_000_000:
        raise RequestError(f"{name} has to be a number greater than 0.")
    return number
