"""Values as SOAR gives them, checked against what the manifest declares: all faults of an input in one go."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from auth.settings import TOKEN_BELONGS_TO, Login
from delivery.asset import Asset
from host.manifest.model import Action, Field, Manifest
from host.manifest.schema import Schema, object_schema
from message.errors import Fault
from smtp.errors import Category, MailError

_JSON_TYPES: Mapping[type, frozenset[str]] = MappingProxyType(
    {
        str: frozenset({"string"}),
        bool: frozenset({"boolean"}),
        int: frozenset({"integer", "number"}),
        float: frozenset({"number"}),
        list: frozenset({"array"}),
        dict: frozenset({"object"}),
    }
)
DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"None": 25, "SSL": 465, "StartTLS": 587})

_OF_THE_LOGIN = frozenset(Login._fields)

# The platform mixes these into the configuration; they are no fields of ours.
_OF_THE_PLATFORM = frozenset({"app_version", "directory", "main_module", "appname", "ingest"})


class InvalidInput(MailError, ValueError):
    """An input that the manifest does not allow. The message has every fault of it, and `rest` what is right.

    In `rest` nothing is missing that has to be there: it is "" where there was none, or a wrong one.
    """

    def __init__(self, faults: Iterable[Fault], rest: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.faults = tuple(faults)
        self.rest = rest
        text = "; ".join(map(str, self.faults))
        hint = "Correct the parameters named in the message."
        super().__init__(text, step="parameters", category=Category.INPUT, hint=hint)


@cache
def rules_of_parameters(action: Action) -> Rules:
    """What the manifest allows as this action's parameters."""
    return Rules(action.parameters, "parameter")


@cache
def rules_of_assets(manifest: Manifest) -> Rules:
    """What the manifest allows as an asset's fields."""
    return Rules(manifest.configuration, "asset field")


class Rules:
    """What is allowed for a set of fields; made once, used for many inputs.

    `noun` is what an error calls one of them: "parameter", "asset field".
    """

    def __init__(self, fields: Mapping[str, Field], noun: str) -> None:
        self._fields = fields
        self._noun = noun
        self.schema: Schema = object_schema(fields)
        self._properties: Mapping[str, Schema] = self.schema["properties"]
        self._required = frozenset(self.schema["required"])
        self._simple: Mapping[str, type] = {
            name: bool if schema["type"] == "boolean" else str
            for name, schema in self._properties.items()
            if schema["type"] == "boolean" or _is_free_text(schema)
        }
        """The types of which every value is allowed."""
        self._choices: Mapping[str, tuple[object, ...]] = {
            name: tuple(schema["enum"]) for name, schema in self._properties.items() if "enum" in schema
        }
        self._to_convert = tuple(
            (name, _CONVERSIONS[field.data_type])
            for name, field in fields.items()
            if field.data_type in _CONVERSIONS
        )
        self._defaults = {name: field.default for name, field in fields.items() if field.default is not None}

    def read(self, values: object) -> dict[str, Any]:
        """The values with their defaults, numbers as numbers and booleans as booleans; what is absent is left out.

        `None` and `""` are absent; `context` and names that begin with `_` are the platform's own and
        ignored. Raises `InvalidInput`.
        """
        if not isinstance(values, Mapping):
            raise InvalidInput([Fault(f"{self._noun}s", f"{short_repr(values)} is not a JSON object")])
        given = {
            name: value
            for name, value in values.items()
            if value is not None and value != "" and name != "context" and name[:1] != "_"
        }
        for name, convert in self._to_convert:
            if name in given and given[name].__class__ not in (int, bool):
                given[name] = convert(given[name])
        # jsonschema takes longer to import than a plain mail takes to send, so it is asked when something
        # is, or looks, wrong.
        is_plain = self._required <= given.keys() <= self._properties.keys()
        for name, value in given.items():
            if not is_plain:
                break
            if value.__class__ is self._simple.get(name) or value in self._choices.get(name, ()):
                continue
            is_plain = is_plainly_valid(value, self._properties[name])
        if not is_plain:
            faults = self._faults(given, values)
            if faults:
                raise InvalidInput(faults, self._rest(given, faults))
        return {**self._defaults, **given}

    def _rest(self, given: Mapping[str, Any], faults: Iterable[Fault]) -> dict[str, Any]:
        right = self._properties.keys() - {fault.field for fault in faults}
        kept = {name: value for name, value in given.items() if name in right}
        return {**dict.fromkeys(self._required, ""), **self._defaults, **kept}

    def unknown(self, names: Iterable[str]) -> list[Fault]:
        """A fault for each of the names that isn't declared, with the likeliest one that was meant."""
        return [self._unknown(name) for name in names if name not in self._properties]

    def _faults(self, given: Mapping[str, Any], original: Mapping[str, Any]) -> list[Fault]:
        try:
            wrong = {error.path[0] for error in self._validator.iter_errors(given) if error.path}
        except RecursionError:  # in the `repr` of a value that jsonschema words its error with
            return [Fault(f"{self._noun}s", "lists or objects are nested too deeply")]
        faults: list[Fault] = []
        for name, field in self._fields.items():
            if name in wrong:
                value = "the value (not shown)" if field.is_secret else short_repr(original[name])
                allowed = self._properties[name]["description"]
                faults.append(Fault(name, f"{value} is not allowed; give {allowed}"))
            elif name in self._required and name not in given:
                faults.append(Fault(name, "missing, and it is required"))
        return faults + self.unknown(given)

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.schema)

    def _unknown(self, name: str) -> Fault:
        from difflib import get_close_matches

        near = get_close_matches(name.casefold(), self._properties, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        known = ", ".join(self._properties) or "none"
        return Fault(short_repr(name), f"no such {self._noun}{guess} (there are: {known})")


def short_repr(value: object) -> str:
    """The value as an error may show it: control and other unprintable characters escaped, about 80 characters."""
    from reprlib import Repr

    short = Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    text = short.repr(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def is_plainly_valid(value: object, schema: Schema) -> bool:
    """Whether the value certainly satisfies a property's schema: a quick look that says no when it isn't sure."""
    kinds = _JSON_TYPES.get(value.__class__, frozenset())
    allowed = schema["type"]
    if not (allowed in kinds if isinstance(allowed, str) else kinds.intersection(allowed)):
        return False
    if "enum" in schema:
        return value in schema["enum"]
    if isinstance(value, str):
        return "pattern" not in schema or re.search(schema["pattern"], value) is not None
    if isinstance(value, list):
        return all(is_plainly_valid(item, schema["items"]) for item in value) if "items" in schema else True
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        return bool(low <= value <= high and schema.get("exclusiveMinimum", -math.inf) < value)
    return True


def _is_free_text(schema: Schema) -> bool:
    allowed = schema["type"]
    texts = allowed == "string" if isinstance(allowed, str) else "string" in allowed
    return texts and not schema.keys() & {"enum", "pattern"}


def _number(value: object) -> object:
    """`25.0` and `"25"` as 25. What is no finite number stays, or becomes, something that the schema refuses."""
    if isinstance(value, str):
        try:
            value = float(value) if "_" not in value else value
        except ValueError:
            return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    return value


def _boolean(value: object) -> object:
    """`"True"` as True; what is no boolean stays, and the schema refuses it."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().casefold(), value)
    return value


_CONVERSIONS = MappingProxyType({"numeric": _number, "boolean": _boolean})


def parse_asset(config: object, asset_id: str, manifest: Manifest) -> Asset:
    """The asset of these fields. Names that the manifest does not have are left out: see `unknown_fields`.

    Raises `InvalidInput` with everything that is wrong.
    """
    if not isinstance(config, Mapping):
        raise InvalidInput([Fault("asset", "the configuration is not a JSON object")])
    fields = manifest.configuration
    # Spaces around what was pasted into a form mean nothing, except perhaps in a password.
    values = rules_of_assets(manifest).read(
        {
            name: value.strip() if isinstance(value, str) and name not in manifest.secrets else value
            for name, value in config.items()
            if name in fields
        }
    )
    values.setdefault("port", DEFAULT_PORTS[values["ssl_config"]])
    values["server"] = values["server"].strip("[]")
    if "managed_identity" in values:
        values["managed_identity"] = _identity(values["managed_identity"])
    of_the_login = {name: values.pop(name) for name in _OF_THE_LOGIN & values.keys()}
    login = Login(id=asset_id, has_client_certificate=bool(values.get("client_cert")), **of_the_login)
    return Asset(login, **values)


def unknown_fields(config: Mapping[str, Any], manifest: Manifest) -> tuple[str, ...]:
    """A sentence about each field that the manifest does not have: probably misspelt, and without effect."""
    names = [name for name in config if name not in _OF_THE_PLATFORM and not name.startswith("_")]
    faults = rules_of_assets(manifest).unknown(names)
    return tuple(f"Ignored in the asset: {fault}" for fault in faults)


def unnamed_asset_id(config: Mapping[str, Any]) -> str:
    """An id for an asset that has none: a digest of what its remembered tokens belong to."""
    owner = [str(config.get(name) or "") for name in TOKEN_BELONGS_TO]
    return hashlib.sha256(json.dumps(owner).encode()).hexdigest()[:32]


def _identity(value: str | bool) -> str:
    """A yes, a no, or the client id of an identity, as `Login` has it."""
    text = str(value).lower()
    return {"true": "true", "false": ""}.get(text, text)
