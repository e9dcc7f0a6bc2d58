"""JSON Schemas (2020-12) of the asset configuration and of each action's parameters, derived from the manifest.

A property's `description` says what is allowed there, in words that fit into an error message.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from host.manifest.model import Field

Schema = dict[str, Any]

_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "string": "string",
        "password": "string",
        "file": "string",
        "timezone": "string",
        "numeric": "number",
        "boolean": "boolean",
        "object": "object",
        "array": "array",
    }
)
_ONE_LINE = MappingProxyType(
    {"pattern": r"^[^\x00-\x1f\x7f]*$", "description": "one line of text without control characters"}
)
# What can't be seen, or changes how the text around it reads, is in no host's name.
_INVISIBLE = r"\x80-\xa0\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff"
# An IPv6 address has two colons at least; a name, or an IPv4 address, none: one colon is a port in the wrong place.
_HOST = (
    r"^(?:(?=[^:]*:[^:]*:)\[?[0-9A-Fa-f:.]{2,45}(?:%\w{1,32})?\]?"
    rf"|[^\x00-\x20\x7f\s:/@\[\]{_INVISIBLE}]{{1,255}})$"
)
_PORT = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
_SERVER = rf"(?:\[[0-9A-Fa-f:.]{{2,45}}\]|[^\x00-\x20\x7f\s:/@\[\],{_INVISIBLE}]{{1,255}})(?::{_PORT})?"
_MAILBOX = r"^[^\x00-\x1f\x7f]+@[^\x00-\x1f\x7f]+$"
_IDENTITY: Mapping[str, Any] = MappingProxyType(
    {"pattern": r"^[A-Za-z0-9-]{1,64}$", "description": "true, false, or the client id of an identity"}
)
# RFC 5321 section 4.1.1.1: a domain, or the address of this machine in brackets.
_EHLO_NAME = r"^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,253}|\[[A-Za-z0-9:.-]{1,60}\])$"

# What is required of a field beyond what the manifest has keys for.
_BEYOND_THE_MANIFEST: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "server": {
            "pattern": _HOST,
            "description": "a host name or an IP address, without scheme, port or spaces",
        },
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "connection_timeout": {"exclusiveMinimum": 0, "maximum": 600},
        "read_timeout": {"exclusiveMinimum": 0, "maximum": 3600},
        "max_connections": {"type": "integer", "minimum": 1, "maximum": 50},
        "max_recipients": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "sequence": {"type": "integer", "minimum": 0, "maximum": 2_147_483_647},
        "reminder_minutes": {"type": "integer", "minimum": 0, "maximum": 40_320},
        "window": {"type": "integer", "minimum": 1, "maximum": 50},
        "messages_per_minute": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "recipients_per_day": {"type": "integer", "minimum": 1, "maximum": 100_000_000},
        "sender_address": {"pattern": _MAILBOX, "description": "an e-mail address"},
        "username": _ONE_LINE,
        "client_id": _ONE_LINE,
        "auth_url": _ONE_LINE,
        "token_url": _ONE_LINE,
        "scopes": _ONE_LINE,
        "device_url": _ONE_LINE,
        "federated_token_file": _ONE_LINE,
        "managed_identity": {"type": ["string", "boolean"], **_IDENTITY},
        "server_name": {"pattern": _HOST, "description": "a host name or an IP address"},
        "fallback_servers": {
            "pattern": rf"^ *{_SERVER}(?: *, *{_SERVER})* *$",
            "description": "host names or IP addresses (IPv6 in brackets), with :PORT if need be, separated by commas",
        },
        "ehlo_name": {
            "pattern": _EHLO_NAME,
            "description": "a host name, or an IP address in square brackets",
        },
        "headers": {"type": ["string", "object"]},
        "template_values": {"type": ["string", "object"]},
        "attachment_names": {"type": ["string", "object"]},
        "transient_files": {"type": ["string", "array"]},
        "attachment_json": {"type": ["string", "array"]},
    }
)


def object_schema(fields: Mapping[str, Field]) -> Schema:
    """What a set of values for these fields must look like, once `None` and `""` are left out."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {name: _property(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required and field.default is None],
        "additionalProperties": False,
    }


def _property(field: Field) -> Schema:
    schema: Schema = {"type": _TYPES[field.data_type]}
    if field.value_list:
        schema["enum"] = list(field.value_list)
    if field.allow_list:
        schema |= {"type": ["string", "array"], "items": {"type": "string"}}
    schema |= _BEYOND_THE_MANIFEST.get(field.name, {})
    schema.setdefault("description", _allowed(schema))
    return schema


def _allowed(schema: Schema) -> str:
    """What is allowed, in words."""
    kind = schema["type"]
    if "enum" in schema:
        *most, last = schema["enum"]
        return f"{', '.join(most)} or {last}" if most else last
    if kind in ("integer", "number"):
        return _allowed_numbers(schema)
    if kind == "boolean":
        return "true or false"
    if isinstance(kind, list):
        return f"text or {'a JSON object' if 'object' in kind else 'a list'}" + (
            " of texts" * ("items" in schema)
        )
    return "text" if kind == "string" else f"a JSON {kind}"


def _allowed_numbers(schema: Schema) -> str:
    noun = "a whole number" if schema["type"] == "integer" else "a number"
    if "minimum" in schema:
        return f"{noun} from {schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        return f"{noun} above {schema['exclusiveMinimum']} and at most {schema['maximum']}"
    return noun
