"""Destination resources of SAP's Transparent Proxy (YAML), and the folder or file that destinations come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from doors.relay.destination import name_of
from host.local import inputs
from host.local.files import reason
from host.local.inputs import InputError

API = "destination.connectivity.api.sap/"
TENANTS = "transparent-proxy.connectivity.api.sap/tenant-subdomains"
MAX_YAML = 4 * 1024 * 1024
"""Octets of a file of resources."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a Destination resource asks for: a listener for each tenant of a destination. `port` is 0 for any."""

    destination: str
    tenants: tuple[str, ...]
    port: int
    where: str


@dataclass(slots=True)
class Found:
    """Everything that a file or a folder holds, and what could not be read."""

    documents: dict[str, Mapping[str, object]]
    resources: list[Resource]
    faults: list[str]


def find(given: Iterable[Path]) -> Found:
    """The destinations and resources in these files, and in the files of these folders.

    Raises `InputError` where there is no file or folder; what is wrong with one is in `faults`.
    """
    found = Found({}, [], [])
    paths: list[Path] = []
    for path in given:
        if path.is_dir():
            paths += sorted(one for one in path.iterdir() if one.suffix in (".json", ".yaml", ".yml"))
        elif path.is_file():
            paths.append(path)
        else:
            raise InputError(f"There is no file or folder {str(path)!r:.200}.")
    for one in paths:
        try:
            _read(one, found)
        except InputError as error:
            found.faults.append(str(error))
    return found


def _read(path: Path, found: Found) -> None:
    for document in _documents(path):
        if not isinstance(document, Mapping):
            raise InputError(f"{path} holds something else than destinations.")
        if str(document.get("apiVersion", "")).startswith(API) and document.get("kind") == "Destination":
            found.resources.append(_resource(document, str(path)))
            continue
        name = name_of(document)
        if not name:
            raise InputError(f"{path} holds an object that is no destination: it has no Name.")
        if name in found.documents:
            raise InputError(f"{path}: there are two destinations {name!r:.80}.")
        found.documents[name] = document


def _documents(path: Path) -> Iterator[Any]:
    """The objects of a file: JSON (one, or a list of them), or YAML with any number of documents."""
    if path.suffix == ".json":
        try:
            value = inputs.parse(path.read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"{path} can't be read: {reason(error)}.") from error
        yield from value if isinstance(value, list) else [value]
        return
    try:
        octets = path.read_bytes()
        if len(octets) > MAX_YAML:
            raise InputError(f"{path} is larger than {MAX_YAML} octets.")
        yield from (document for document in yaml.safe_load_all(octets) if document is not None)
    except OSError as error:
        raise InputError(f"{path} can't be read: {reason(error)}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # What the library says of it shows what stands there, which may be a password.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{where}: this is not YAML.") from error


def _resource(document: Mapping[str, Any], where: str) -> Resource:
    """A resource with or without `spec:`; SAP's own example for tenants leaves it out, and indents under metadata."""
    metadata = _mapping(document.get("metadata"))
    spec = _mapping(document.get("spec"))
    for place in (spec, document, metadata):
        name = _mapping(place.get("destinationRef")).get("name")
        if name:
            break
    else:
        raise InputError(f"{where}: the resource has no destinationRef with a name.")
    service = _mapping(spec.get("service") or document.get("service") or metadata.get("service"))
    port = service.get("port", 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
        raise InputError(f"{where}: service.port is no port.")
    return Resource(str(name), _tenants(_mapping(metadata.get("annotations")), where), port, where)


def _tenants(annotations: Mapping[str, Any], where: str) -> tuple[str, ...]:
    text = annotations.get(TENANTS)
    if text is None:
        return ()
    try:
        tenants = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        tenants = None
    if (
        not isinstance(tenants, list)
        or not tenants
        or not all(isinstance(one, str) and one for one in tenants)
    ):
        raise InputError(f"{where}: {TENANTS} has to be a JSON list of subdomains.")
    return tuple(sorted(set(tenants)))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
