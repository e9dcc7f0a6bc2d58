"""`connector.json`, the one source of truth, as typed values: the asset's fields, the actions and their parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

PATH = Path(__file__).resolve().parents[2] / "connector.json"

# A certificate's file or text may hold its private key, though the manifest can't call it a password: people
# have to see which certificate they gave.
_SECRET_ALTHOUGH_NO_PASSWORD = frozenset({"client_cert", "smime_certificate"})


class UnknownAction(LookupError):
    """No action of that name. The message names those that there are, the likeliest first."""


class Field(NamedTuple):
    """An asset field or an action's parameter, as declared. `default` None means that there is none."""

    name: str
    data_type: str
    description: str
    required: bool
    default: Any
    value_list: tuple[str, ...]
    contains: tuple[str, ...]
    allow_list: bool

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        return self.data_type == "password" or self.name in _SECRET_ALTHOUGH_NO_PASSWORD


class Output(NamedTuple):
    """A data path of an action's results."""

    data_path: str
    data_type: str
    contains: tuple[str, ...]
    example_values: tuple[Any, ...]


class Action:
    """What a playbook may ask for. `identifier` is also the name of its module."""

    def __init__(
        self,
        name: str,
        identifier: str,
        description: str,
        verbose: str,
        read_only: bool,
        parameters: Mapping[str, Field],
        output: tuple[Output, ...],
    ) -> None:
        self.name = name
        self.identifier = identifier
        self.description = description
        self.verbose = verbose
        self.read_only = read_only
        self.parameters = parameters
        self.output = output


class ByName(dict[str, Action]):
    """Actions by their names and identifiers, in whatever case they are written."""

    def __missing__(self, wanted: str) -> Action:
        """Raises `UnknownAction`."""
        action = self.get(wanted.strip().casefold())
        if action is None:
            raise UnknownAction(
                _no_such_action(wanted, list(dict.fromkeys(one.name for one in self.values())))
            )
        return action


class Manifest:
    """The whole of it, as far as this program needs it; fields, parameters and actions in their declared order."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.name: str = raw["name"]
        self.version: str = raw["app_version"]
        self.description: str = raw["description"]
        self.configuration = _fields(raw["configuration"])
        self.secrets = frozenset(name for name, field in self.configuration.items() if field.is_secret)
        """The names of the asset's fields whose values must not be shown."""
        self.actions = tuple(_action(entry) for entry in raw["actions"])
        self.by_name = ByName()
        for action in self.actions:
            self.by_name |= {action.name: action, action.identifier: action}

    def action(self, wanted: str) -> Action:
        """The action of this name or identifier, case ignored. Raises `UnknownAction`."""
        return self.by_name[wanted]


@cache
def load(path: Path = PATH) -> Manifest:
    """Read the manifest, once. It is part of the program: what is wrong with it is found by the tests, not here."""
    return Manifest(json.loads(path.read_text(encoding="utf-8")))


def _action(raw: Mapping[str, Any]) -> Action:
    return Action(
        name=raw["action"],
        identifier=raw["identifier"],
        description=raw["description"],
        verbose=raw.get("verbose", ""),
        read_only=raw["read_only"],
        parameters=_fields(raw["parameters"]),
        output=tuple(
            Output(
                data_path=entry["data_path"],
                data_type=entry["data_type"],
                contains=tuple(entry.get("contains", ())),
                example_values=tuple(entry.get("example_values", ())),
            )
            for entry in raw["output"]
        ),
    )


def _fields(raw: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Field]:
    ordered = sorted(raw.items(), key=lambda item: item[1]["order"])
    return MappingProxyType(
        {name: _field(name, entry) for name, entry in ordered if entry["data_type"] != "ph"}
    )


def _field(name: str, raw: Mapping[str, Any]) -> Field:
    return Field(
        name=name,
        data_type=raw["data_type"],
        description=raw["description"],
        required=raw.get("required", False),
        default=raw.get("default"),
        value_list=tuple(raw.get("value_list", ())),
        contains=tuple(raw.get("contains", ())),
        allow_list=raw.get("allow_list", False),
    )


def _no_such_action(wanted: str, names: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(wanted.replace("_", " ").casefold(), names, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no action {wanted[:80]!r}.{guess} There are: {', '.join(names)}."
