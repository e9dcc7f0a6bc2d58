"""The asset's configuration, as the platform hands it over, parsed once into the frozen `contract.Asset`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from actions.contract import Asset
from host.manifest.model import Manifest
from host.manifest.validation import Fault, InvalidInput, Rules

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"None": 25, "SSL": 465, "StartTLS": 587})

# The platform mixes these into the configuration; they are no fields of ours.
_OF_THE_PLATFORM = frozenset({"app_version", "directory", "main_module", "appname", "ingest"})


def parse_asset(config: object, asset_id: str, manifest: Manifest) -> Asset:
    """The asset of these fields. Names that the manifest does not have are left out: see `unknown_fields`.

    Raises `InvalidInput` with everything that is wrong.
    """
    if not isinstance(config, Mapping):
        raise InvalidInput([Fault("asset", "the configuration is not a JSON object")])
    fields = manifest.configuration
    values = Rules(fields, "asset field").read(
        {name: _trimmed(value, fields[name].is_secret) for name, value in config.items() if name in fields}
    )
    values.setdefault("port", DEFAULT_PORTS[values["ssl_config"]])
    values["server"] = values["server"].strip("[]")
    return Asset(id=asset_id, **values)


def unknown_fields(config: Mapping[str, Any], manifest: Manifest) -> tuple[str, ...]:
    """A sentence about each field that the manifest does not have: probably misspelt, and without effect."""
    names = [name for name in config if name not in _OF_THE_PLATFORM and not name.startswith("_")]
    faults = Rules(manifest.configuration, "asset field").unknown(names)
    return tuple(f"Ignored in the asset: {fault}" for fault in faults)


def _trimmed(value: object, is_secret: bool) -> object:
    """Spaces around what was pasted into a form mean nothing, except perhaps in a password."""
    return value.strip() if isinstance(value, str) and not is_secret else value
