"""`FIELD=VALUE` on a command line: an asset's field, whose secret may lie elsewhere.

`FIELD=@env:NAME`, `FIELD=@file:PATH` and `FIELD=@keyring:SERVICE/NAME` keep the name alone, `FIELD=@prompt` asks for
the value, and `FIELD=` takes the field away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from host.local.inputs import InputError
from host.local.prompt import asked
from host.manifest.model import Field, Manifest
from host.manifest.validation import rules_of_assets

PROMPT = "@prompt"
_ELSEWHERE = {"@env:": "env", "@file:": "file", "@keyring:": "keyring"}


def assigned(texts: Iterable[str], manifest: Manifest, warn: Callable[[str], None]) -> dict[str, Any]:
    """The fields that are assigned, None for one that is taken away. Raises `InputError`.

    `warn` is told about each secret that stands on the command line itself.
    """
    fields: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{_shown(name)} is not FIELD=VALUE.")
        declared = manifest.configuration.get(name)
        if declared is None:
            (fault,) = rules_of_assets(manifest).unknown([name])
            raise InputError(f"{fault}.")
        fields[name] = _value(declared, value)
        if declared.is_secret and isinstance(fields[name], str) and value != PROMPT:
            warn(f"Others can see what is on a command line: {name}={PROMPT} asks for it instead.")
    return fields


def _value(field: Field, text: str) -> Any:
    if text == PROMPT:
        if typed := asked(field.name):
            return typed
        raise InputError(f"{field.name}: nothing was given.")
    for prefix, kind in _ELSEWHERE.items():
        if text.startswith(prefix):
            return _elsewhere(field, kind, text.removeprefix(prefix))
    if field.is_secret and text.startswith("@"):
        raise InputError(
            f"{field.name}: after @ stands one of env:NAME, file:PATH, keyring:SERVICE/NAME and prompt; "
            "a secret that begins with @ itself can be given to @prompt."
        )
    if not text:
        return None
    if field.data_type == "numeric":
        return _number(text)
    if field.data_type == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return text


def _elsewhere(field: Field, kind: str, name: str) -> dict[str, str]:
    if not field.is_secret:
        raise InputError(f"{field.name} is not a secret: write its value.")
    if not name:
        raise InputError(f"{field.name}: a name is missing after @{kind}:")
    return {kind: name}


def _number(text: str) -> Any:
    """What is no number stays, and the asset's check says so."""
    try:
        return int(text)
    except ValueError:
        return text


def _shown(name: str) -> str:
    """What stands before the =, and no more of what may be a secret."""
    return f"{name[:20]!r}" if len(name) <= 20 else f"{name[:20]!r}…"
