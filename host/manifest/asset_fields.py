"""The asset's configuration, as the platform hands it over, parsed once into the frozen `contract.Asset`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from auth.settings import TOKEN_BELONGS_TO, Login
from delivery.asset import Asset
from host.manifest.model import Manifest
from host.manifest.validation import Fault, InvalidInput, rules_of_assets

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"None": 25, "SSL": 465, "StartTLS": 587})

_OF_THE_LOGIN = frozenset(Login._fields)

# The platform mixes these into the configuration; they are no fields of ours.
_OF_THE_PLATFORM = frozenset({"app_version", "directory", "main_module", "appname", "ingest"})


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
