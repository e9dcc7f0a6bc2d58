"""Component YAML as Dapr reads it: `apiVersion: dapr.io/v1alpha1`, kind Component, several documents and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from doors.dapr.component import Component, MetadataError, read_component
from doors.dapr.secrets import SecretMissing, Secrets
from host.local.inputs import InputError

API_VERSION = "dapr.io/v1alpha1"
TYPE = "bindings.smtp"
_ENDINGS = (".yaml", ".yml")

Tell = Callable[[str], None]


@dataclass(slots=True)
class Resources:
    """The components by their names, and what is wrong with those that can't send."""

    components: dict[str, Component] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def read_resources(folder: Path, secrets: Secrets, tell: Tell) -> Resources:
    """Every component of the folder's files, in the order of their names; `folder` may be a single file.

    What is passed over, and what is wrong, is told in a line each. Raises `InputError` where no component can send.
    """
    found = Resources()
    for path in _files(folder):
        for document in _documents(path, tell):
            _take(document, path, secrets, found, tell)
    if not found.components:
        raise InputError(f"There is no component of type {TYPE} in {folder} that can send.")
    return found


def _files(folder: Path) -> list[Path]:
    try:
        if folder.is_file():
            return [folder]
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    except OSError as error:
        raise InputError(f"The components in {folder} can't be read: {error.strerror}.") from error


def _documents(path: Path, tell: Tell) -> Iterator[object]:
    try:
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))
    except OSError as error:
        tell(f"{path} can't be read: {error.strerror}.")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # PyYAML's own text shows what stands there, which may be a password.
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        tell(f"{path}{where}: this is not YAML; what follows in this file is passed over.")


def _take(document: object, path: Path, secrets: Secrets, found: Resources, tell: Tell) -> None:
    if document is None:
        return
    if not isinstance(document, Mapping):
        tell(f"{path}: passed over, because it is no component.")
        return
    kind, spec = str(document.get("kind", "")), _mapping(document, "spec")
    name = str(_mapping(document, "metadata").get("name", "") or "")
    if (document.get("apiVersion"), kind, spec.get("type")) != (API_VERSION, "Component", TYPE):
        what = spec.get("type") or kind or "no kind"
        tell(f"{path}: {name or 'a document'} passed over: it is {what}, and no component of type {TYPE}.")
        return
    if not name:
        tell(f"{path}: a component passed over, because it has no metadata.name.")
        return
    if name in found.components or name in found.broken:
        tell(f"{path}: a second component {name} passed over.")
        return
    try:
        metadata = _metadata(document, spec, secrets)
        component = read_component(name, metadata, str(spec.get("version") or "v1"))
    except (MetadataError, SecretMissing) as error:
        found.broken[name] = str(error)
        tell(f"{path}: the component {name} can't be used: {error}")
        return
    for warning in component.warnings:
        tell(warning)
    found.components[name] = component


def _metadata(document: Mapping[Any, Any], spec: Mapping[Any, Any], secrets: Secrets) -> dict[str, str]:
    """The component's metadata with its secrets. Raises `MetadataError` and `SecretMissing`."""
    items = spec.get("metadata") or []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise MetadataError("spec.metadata has to be a list of name and value")
    store = str(_mapping(document, "auth").get("secretStore", "") or "")
    metadata: dict[str, str] = {}
    for item in items:
        name = str(item.get("name", ""))
        if name in metadata:
            raise MetadataError(f"{name} is given twice in metadata")
        reference = item.get("secretKeyRef")
        if isinstance(reference, Mapping):
            metadata[name] = secrets.find(
                store, str(reference.get("name", "")), str(reference.get("key", "") or "")
            )
        else:
            metadata[name] = _text(name, item.get("value"))
    return metadata


def _text(name: str, value: object) -> str:
    """A value as text: Dapr takes numbers and booleans without quotes too."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise MetadataError(f"{name} has to be a text, a number, true or false")


def _mapping(document: Mapping[Any, Any], name: str) -> Mapping[Any, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}
