"""Secrets that an asset names instead of holding: `{"env": NAME}`, `{"file": PATH}`, `{"keyring": "SERVICE/NAME"}`.

The asset is stored as it was given; what a name stands for is read each time the asset is used, and kept nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from host.local.files import expanded, reason
from host.manifest.model import Manifest
from host.manifest.validation import InvalidInput
from message.errors import Fault

MAX_SECRET = 1024 * 1024
"""Octets: a certificate with its whole chain has some thousands."""
_FORMS = 'a text, {"env": "NAME"}, {"file": "PATH"} or {"keyring": "SERVICE/NAME"}'
_OTHERS = stat.S_IRGRP | stat.S_IROTH
_PLACEHOLDER = "read when it is used"


class _Unreadable(Exception):
    """What a name stands for can't be had. The message says which, and why."""


def is_reference(value: object) -> bool:
    """Whether `value` names a secret that lies elsewhere."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((kind, name),) = value.items()
    return kind in _SOURCES and isinstance(name, str) and bool(name)


def resolved(config: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """The fields with what their names stand for. Raises `InvalidInput` for all that can't be read, by field."""
    return _replaced(config, manifest, _read)


def unread(config: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """The same, with something in the place of each secret: to look at the other fields. Raises `InvalidInput`."""
    return _replaced(config, manifest, lambda _kind, _name: _PLACEHOLDER)


def lasting(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they are stored: a file is named so that it is found from every folder."""
    return {
        name: {"file": str(expanded(value["file"]).absolute())}
        if is_reference(value) and "file" in value
        else value
        for name, value in config.items()
    }


def has_secrets(config: Mapping[str, Any], manifest: Manifest) -> bool:
    """Whether a secret stands in the fields themselves."""
    fields = manifest.configuration
    return any(
        name in fields and fields[name].is_secret and isinstance(value, str) and value != ""
        for name, value in config.items()
    )


def seen_by_others(config: Mapping[str, Any], source: Path | None, manifest: Manifest) -> tuple[str, ...]:
    """A sentence about each file with a secret that other users of this machine can read.

    `source` is the file that the asset itself was read from.
    """
    secrets = [value for name, value in config.items() if name in manifest.secrets and value]
    paths = [expanded(value["file"]) for value in secrets if is_reference(value) and "file" in value]
    if source is not None and has_secrets(config, manifest):
        paths.insert(0, source)
    return tuple(
        f"{path} holds a secret, and others can read it: chmod 600 {path}" for path in paths if _is_open(path)
    )


def _replaced(
    config: Mapping[str, Any], manifest: Manifest, read: Callable[[str, str], str]
) -> dict[str, Any]:
    values, faults = dict(config), []
    for name, value in config.items():
        if name not in manifest.secrets or not isinstance(value, Mapping):
            continue
        if not is_reference(value):
            faults.append(Fault(name, f"the value (not shown) is not allowed; give {_FORMS}"))
            continue
        ((kind, where),) = value.items()
        try:
            values[name] = read(kind, where)
        except _Unreadable as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise InvalidInput(faults)
    return values


def _read(kind: str, name: str) -> str:
    text = _SOURCES[kind](name)
    if not text:
        raise _Unreadable(f"{_CALLED[kind]} {name} is empty")
    return text


def _from_environment(name: str) -> str:
    text = os.environ.get(name)
    if text is None:
        raise _Unreadable(f"the environment variable {name} is not set")
    return text


def _from_file(name: str) -> str:
    path = expanded(name)
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise _Unreadable(f"the file {path} can't be read: {reason(error)}") from error
    except ValueError as error:
        raise _Unreadable(f"{name!r:.80} can't be the name of a file") from error
    if len(octets) > MAX_SECRET:
        raise _Unreadable(f"the file {path} is larger than {MAX_SECRET // 1024} KiB")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"the file {path} is not text in UTF-8 (octet {error.start})") from error
    return text.removesuffix("\n").removesuffix("\r")


def _from_keyring(name: str) -> str:
    service, slash, entry = name.rpartition("/")
    if not slash or not service or not entry:
        raise _Unreadable(f"{name!r:.80} names nothing in a keyring: write SERVICE/NAME")
    try:
        import keyring  # an extra
    except ModuleNotFoundError as error:
        raise _Unreadable(
            f"the keyring entry {name} can't be read: the Python module {error.name} is missing; install "
            "smtp-connector[keyring]"
        ) from error
    try:
        text = keyring.get_password(service, entry)
    except Exception as error:  # every backend raises errors of its own
        raise _Unreadable(
            f"the keyring entry {name} can't be read: {str(error).rstrip('.') or type(error).__name__}"
        ) from error
    if text is None:
        raise _Unreadable(f"the keyring has no entry {name}: store it with keyring set {service} {entry}")
    return text


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & _OTHERS)
    except (OSError, ValueError):
        return False  # whoever reads it says what is wrong


_SOURCES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
)
_CALLED = MappingProxyType(
    {"env": "the environment variable", "file": "the file", "keyring": "the keyring entry"}
)
