"""The `mail.*` properties of a MAIL destination, as the fields of an asset. Their names are JavaMail's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from host.local.inputs import InputError
from smtp.tls import TlsMode

SUBMISSION, SMTPS = 587, 465
USED = frozenset(
    {
        "host",
        "port",
        "user",
        "password",
        "auth",
        "from",
        "connectiontimeout",
        "timeout",
        "writetimeout",
        "localhost",
        "starttls.enable",
        "starttls.required",
        "ssl.enable",
        "ssl.checkserveridentity",
        "ssl.trust",
        "auth.mechanisms",
        "dsn.notify",
        "dsn.ret",
        "proxy.host",
        "proxy.port",
        "proxy.user",
        "proxy.password",
        "socks.host",
        "socks.port",
        "allow8bitmime",
        "chunksize",
    }
)
# Of both protocols, without `smtp` in their names.
_COMMON = frozenset({"host", "user", "password", "from"})
_ABOUT_THE_DESTINATION = frozenset({"mail.transport.protocol", "mail.description", "mail.debug"})
_NOTIFY = re.compile(r"(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2})", re.IGNORECASE)
_MECHANISMS = frozenset(
    {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"}
)


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What the properties say. `fields` are those of an asset, with the password: they are left out of the `repr`."""

    fields: Mapping[str, object] = field(repr=False)
    ssl_config: str
    user: str
    wants_login: bool | None
    """mail.smtp.auth, None where it isn't said."""
    dsn_notify: str
    dsn_ret: str
    warnings: tuple[str, ...]


def read_mail(properties: Mapping[str, object], *, may_log_in: bool) -> MailSettings:
    """Raises `InputError` for a value that can't be used. `may_log_in`: the destination has a login."""
    texts = {name: _text(name, value) for name, value in properties.items() if name.startswith("mail.")}
    given = _Given(texts)
    port = given.number("port") or (SMTPS if given.is_smtps else SUBMISSION)
    if not 0 < port < 65_536:
        raise InputError(f"mail.smtp.port: {port} is no port.")
    if not given.text("host"):
        raise InputError("mail.smtp.host is missing.")
    wants_login = given.flag("auth")
    logs_in = may_log_in and wants_login is not False
    fields: dict[str, object] = {"server": given.text("host").strip("[]"), "port": port}
    fields |= _timeouts(given)
    for name, key in (("ehlo_name", "localhost"), ("sender_address", "from"), ("password", "password")):
        if given.text(key):
            fields[name] = given.text(key)
    _certificate(given, fields)
    _mechanism(given, fields)
    if proxy := _proxy(given):
        fields["proxy"] = proxy
    return MailSettings(
        fields,
        _tls(given, port, logs_in),
        given.text("user"),
        wants_login,
        _notify(given),
        _ret(given),
        tuple(given.warnings),
    )


class _Given:
    """The properties by the last part of their names. Those of the protocol in use win over those of its twin."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        protocol = texts.get("mail.transport.protocol", "").lower()
        has_twin_alone = any(name.startswith("mail.smtps.") for name in texts) and not any(
            name.startswith("mail.smtp.") for name in texts
        )
        self.is_smtps = protocol == "smtps" or (not protocol and has_twin_alone)
        self.warnings: list[str] = []
        self._values: dict[str, str] = {}
        own, other = ("mail.smtps.", "mail.smtp.") if self.is_smtps else ("mail.smtp.", "mail.smtps.")
        for prefix in ("mail.", other, own):
            for name, value in texts.items():
                key = name.removeprefix(prefix)
                if name.startswith(prefix) and key in (_COMMON if prefix == "mail." else USED):
                    self._values[key] = value
        for name in texts:
            key = re.sub(r"^mail\.(?:smtps?\.)?", "", name)
            is_common = name == f"mail.{key}"
            if name not in _ABOUT_THE_DESTINATION and key not in (_COMMON if is_common else USED):
                self.warnings.append(f"{name} has no meaning here")

    def text(self, key: str) -> str:
        return self._values.get(key, "").strip()

    def flag(self, key: str) -> bool | None:
        value = self.text(key).lower()
        if value not in ("", "true", "false"):
            raise InputError(f"mail.smtp.{key}: give true or false.")
        return {"true": True, "false": False}.get(value)

    def number(self, key: str) -> int:
        """0 where nothing is given."""
        value = self.text(key)
        if value and not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise InputError(f"mail.smtp.{key}: give a whole number.")
        return int(value or 0)


def _tls(given: _Given, port: int, logs_in: bool) -> str:
    """When TLS begins. Nothing but `starttls.enable: false` makes a connection that stays in clear."""
    if given.is_smtps or given.flag("ssl.enable") or port == SMTPS:
        return TlsMode.SSL
    if given.flag("starttls.required"):
        return TlsMode.STARTTLS
    if given.flag("starttls.enable") is False:
        return TlsMode.NONE
    return TlsMode.STARTTLS if logs_in or port == SUBMISSION else TlsMode.IF_OFFERED


def _timeouts(given: _Given) -> dict[str, object]:
    """JavaMail has milliseconds, and no end where nothing or nothing positive is given; an asset has seconds."""
    fields: dict[str, object] = {}
    if (connect := given.number("connectiontimeout")) > 0:
        fields["connection_timeout"] = min(connect / 1000, 600)
    if (reply := max(given.number("timeout"), given.number("writetimeout"))) > 0:
        fields["read_timeout"] = min(reply / 1000, 3600)
    return fields


def _certificate(given: _Given, fields: dict[str, object]) -> None:
    trusted = given.text("ssl.trust")
    if trusted == "*":
        fields["verify_server_cert"] = False
        given.warnings.append("mail.smtp.ssl.trust is *: anyone along the way can read and change the mail")
    elif trusted:
        given.warnings.append("mail.smtp.ssl.trust: certificates are verified all the same; only * ends that")
    if given.flag("ssl.checkserveridentity") is False and trusted != "*":
        given.warnings.append("mail.smtp.ssl.checkserveridentity is false: the name is verified all the same")


def _mechanism(given: _Given, fields: dict[str, object]) -> None:
    names = given.text("auth.mechanisms").upper().replace(",", " ").split()
    known = [name for name in names if name in _MECHANISMS]
    if len(known) == 1:
        fields["sasl_mechanism"] = known[0]
    elif names and not known:
        given.warnings.append(
            "mail.smtp.auth.mechanisms: none of them is known here, so the server's offer decides"
        )


def _proxy(given: _Given) -> str:
    """The URL of the HTTP proxy, or else of the SOCKS one, as JavaMail has their order."""
    if host := given.text("proxy.host"):
        user, password = given.text("proxy.user"), given.text("proxy.password")
        login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
        return f"http://{login}{_in_url(host)}:{given.number('proxy.port') or 80}"
    if host := given.text("socks.host"):
        return f"socks5://{_in_url(host)}:{given.number('socks.port') or 1080}"
    return ""


def _in_url(host: str) -> str:
    return f"[{host.strip('[]')}]" if ":" in host else host


def _notify(given: _Given) -> str:
    text = given.text("dsn.notify").replace(" ", "")
    if text and not _NOTIFY.fullmatch(text):
        raise InputError(
            "mail.smtp.dsn.notify: give NEVER, or some of SUCCESS, FAILURE and DELAY with commas."
        )
    return text.upper()


def _ret(given: _Given) -> str:
    text = given.text("dsn.ret").upper()
    if text not in ("", "FULL", "HDRS"):
        raise InputError("mail.smtp.dsn.ret: give FULL or HDRS.")
    return text


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise InputError(f"{name}: give a text.")
