"""Forms made from the manifest: a widget for each declared field, and values read back from what was filled in.

Nothing here knows an action. What a name or a type suggests (a large text, a field that few need) only decides how a
field is shown; one that nobody thought of is shown too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from host.local.inputs import InputError, parse
from host.manifest.model import Action, Field, Manifest
from host.manifest.schema import object_schema

Values = Mapping[str, Sequence[str]]
"""What a browser sends: for each name the texts that were given."""

_SPELLED = MappingProxyType(
    {
        "url": "URL", "id": "ID", "html": "HTML", "json": "JSON", "dsn": "DSN", "ca": "CA", "ssl": "SSL", "tls": "TLS",
        "oauth": "OAuth", "smime": "S/MIME", "dkim": "DKIM", "ehlo": "EHLO", "smtputf8": "SMTPUTF8", "sasl": "SASL",
        "uid": "UID",
    }
)  # fmt: skip
_LARGE_TEXTS = frozenset({"body", "email", "html", "text", "description", "content", "message"})
"""The last word of a name that holds a text of several lines."""
_PEM_OR_JSON = frozenset({"key", "cert", "certificate", "json"})
"""The last word of a name that holds a secret of several lines."""
_SELDOM = re.compile(
    r"headers|reply_to|in_reply_to|thread|importance|template_values|attachment_names|transient_files|idempotency_key"
    r"|envelope_sender|dsn|should_\w+|attachment_json|(?:attachment|content_id)[2-9]|sequence|uid|body_format"
)
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "Connection": r"server|ssl_config|port|sender_address",
        "Login": r"auth_type|username|password|login_as|sasl_mechanism|allow_plaintext_auth",
        "OAuth": r"client_id|client_secret|auth_url|token_url|scopes|refresh_token|device_\w+|oauth_\w+|managed_\w+"
        r"|federated_\w+|service_account_\w+",
        "Certificates": r"verify_server_cert|ca_bundle|client_cert|client_key|client_key_password|server_name",
        "Mails": r"signature_\w+|encoding|allow_smtputf8|dkim_\w+|smime_\w+",
        "Way to the server": r"ehlo_name|proxy|fallback_servers|disable_\w+",
        "Limits": r"\w+_timeout|max_connections|window|messages_per_minute|recipients_per_day",
        "Safety": r"allowed_recipients|denied_recipients|max_recipients|redirect_to",
    }
)
OTHERS = "Other"
_OPEN = frozenset({"Connection", "Login"})


@dataclass(slots=True)
class Widget:
    """How one field is shown. `kind`: text, address, lines, json, number, check, choice, secret, secret-lines, file."""

    name: str
    label: str
    kind: str
    help: str
    required: bool
    options: tuple[str, ...] = ()
    default: str = ""
    value: str = ""
    error: str = ""
    is_many: bool = False
    """Whether several values may be given, separated by commas."""
    is_stored: bool = False
    """Whether a secret is there, which is never shown."""
    is_lost: bool = False
    """Whether a secret was filled in that was not saved: a page does not give it back, so it has to be typed again."""
    is_forgotten: bool = False
    """Whether the secret that is there was to be forgotten."""

    @property
    def is_checked(self) -> bool:
        return self.value == "true"


@dataclass(slots=True)
class Group:
    """Fields that belong together. One that is not open is folded away until it is needed."""

    title: str
    widgets: list[Widget] = field(default_factory=list)
    is_open: bool = False

    @property
    def has_errors(self) -> bool:
        return any(widget.error for widget in self.widgets)


def label(name: str) -> str:
    """`sender_address` as people read it: Sender address."""
    words = re.sub(r"(?<=[a-z])(\d+)$", r" \1", name.replace("_", " ")).split(" ")
    words = [_SPELLED.get(word, word) for word in words]
    first = words[0] if words[0] in _SPELLED.values() else words[0].capitalize()
    return " ".join([first, *words[1:]])


def of_action(action: Action, values: Mapping[str, Any], errors: Mapping[str, str]) -> list[Group]:
    """The fields of an action's parameters: first those that most mails have."""
    first, more = Group("", is_open=True), Group("More options")
    for widget in _widgets(action.parameters, values, errors):
        seldom = _SELDOM.fullmatch(widget.name) and not widget.required
        (more if seldom else first).widgets.append(widget)
    more.is_open = more.has_errors or any(widget.value not in ("", widget.default) for widget in more.widgets)
    return [group for group in (first, more) if group.widgets]


def of_asset(
    manifest: Manifest, values: Mapping[str, Any], errors: Mapping[str, str], stored: Mapping[str, Any]
) -> list[Group]:
    """The fields of an asset, in groups: `values`, where `stored` are saved. A secret's value is not among them."""
    groups = {title: Group(title, is_open=title in _OPEN) for title in (*GROUPS, OTHERS)}
    for widget in _widgets(manifest.configuration, values, errors):
        if manifest.configuration[widget.name].is_secret:
            given, saved = values.get(widget.name), stored.get(widget.name)
            widget.is_stored, widget.is_lost = bool(saved), bool(given) and given != saved
            widget.is_forgotten = bool(saved) and not given
        title = next((title for title, names in GROUPS.items() if re.fullmatch(names, widget.name)), OTHERS)
        groups[title].widgets.append(widget)
    for group in groups.values():
        has_values = any(
            one.is_stored or one.is_lost or one.value not in ("", one.default) for one in group.widgets
        )
        group.is_open = group.is_open or group.has_errors or has_values
    return [group for group in groups.values() if group.widgets]


def parameters(action: Action, given: Values) -> dict[str, Any]:
    """A parameter set from a filled-in form; what was left empty, or as it is by default, is left out."""
    return _read(action.parameters, given)


def configuration(manifest: Manifest, given: Values, stored: Mapping[str, Any]) -> dict[str, Any]:
    """An asset's fields from a filled-in form. A secret that was left empty stays, unless it is to be forgotten."""
    fields = _read(manifest.configuration, given)
    for name, declared in manifest.configuration.items():
        if declared.is_secret and name not in fields and stored.get(name) and f"forget-{name}" not in given:
            fields[name] = stored[name]
    # Names that the manifest does not have were said to be without effect; they are not lost all the same.
    return {**{name: value for name, value in stored.items() if name not in manifest.configuration}, **fields}


def differences(
    manifest: Manifest, stored: Mapping[str, Any], given: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """The fields in which two assets differ: what each is called, the one value, and the other. Secrets stay untold."""
    found = []
    for name, declared in manifest.configuration.items():
        default = "" if declared.default is None else _shown(declared.default)
        one, other = (
            default if values.get(name) in (None, "") else _shown(values[name]) for values in (stored, given)
        )
        if one != other and declared.is_secret:
            told = "another secret" if one else "a secret"
            found.append((label(name), "a secret" if one else "", told if other else ""))
        elif one != other:
            found.append((label(name), one, other))
    return found


def faults_of_json(fields: Mapping[str, Field], given: Mapping[str, Any]) -> dict[str, str]:
    """Where a text that has to be JSON isn't: line and column of each."""
    faults = {}
    for name, value in given.items():
        if name in fields and _is_json(fields[name]) and isinstance(value, str) and value.strip():
            try:
                parse(value.encode(errors="replace"), label(name))
            except InputError as error:
                faults[name] = str(error)
    return faults


def _read(fields: Mapping[str, Field], given: Values) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, declared in fields.items():
        texts = given.get(name, ())
        if declared.data_type == "boolean":
            if f"shown-{name}" in given and bool(texts) != bool(declared.default):
                values[name] = bool(texts)
            continue
        text = ", ".join(texts) if declared.allow_list else "".join(texts[:1])
        text = text.replace("\r\n", "\n")
        if text and not (declared.default is not None and text == _shown(declared.default)):
            values[name] = text
    return values


def _widgets(
    fields: Mapping[str, Field], values: Mapping[str, Any], errors: Mapping[str, str]
) -> Iterable[Widget]:
    for name, declared in fields.items():
        given = values.get(name)
        default = "" if declared.default is None else _shown(declared.default)
        yield Widget(
            name,
            label(name),
            _kind(declared),
            declared.description,
            declared.required and declared.default is None,
            declared.value_list,
            default,
            "" if declared.is_secret else (default if given is None or given == "" else _shown(given)),
            errors.get(name, ""),
            declared.allow_list,
        )


def _kind(declared: Field) -> str:
    if declared.is_secret:
        return "secret-lines" if declared.name.split("_")[-1] in _PEM_OR_JSON else "secret"
    if declared.value_list:
        return "choice"
    if declared.data_type in ("boolean", "numeric"):
        return "check" if declared.data_type == "boolean" else "number"
    if "vault id" in declared.contains:
        return "file"
    if "email" in declared.contains:
        return "address"
    if _is_json(declared):
        return "json"
    return "lines" if declared.name.split("_")[-1] in _LARGE_TEXTS else "text"


def _is_json(declared: Field) -> bool:
    allowed = object_schema({declared.name: declared})["properties"][declared.name]["type"]
    kinds = {allowed} if isinstance(allowed, str) else set(allowed)
    return bool(kinds & {"object", "array"}) and not declared.allow_list


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
