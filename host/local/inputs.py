"""What a person hands over: JSON from a file, standard input or the command line, judged before it is used."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from host.local.files import reason
from host.local.home import Home

MAX_JSON = 256 * 1024 * 1024
"""Octets: more than any mail that a server takes, and an end to reading from something endless."""
MAX_DEPTH = 50
"""Nested lists and objects; the deepest that an action takes is three."""
_CONTAINER_ID = re.compile(r"[A-Za-z0-9._:-]{0,64}")


class InputError(Exception):
    """What was given can't be used. The message is one line that says what, where, and what is expected."""


class GivenAsset(NamedTuple):
    """The asset of a run. `id` and `name` are "" for one that is not stored; the fields may hold secrets.

    `called` is what an error calls it, `source` the file that it was read from.
    """

    id: str
    name: str
    called: str
    config: Mapping[str, Any]
    source: Path | None = None

    def __repr__(self) -> str:
        """Without the fields of the asset, which may hold secrets."""
        return f"GivenAsset({self.id!r}, {self.name!r}, {self.called!r}, source={self.source!r})"


def asset(source: str, home: Home) -> GivenAsset:
    """An asset by its stored name, or from a JSON file: a name with a / in it or with the ending .json, or -.

    Raises `InputError`, `StoreError`.
    """
    if _is_json(source):
        raise InputError(
            "An asset is a JSON file or the name of a stored asset: others can see what is on a command line."
        )
    if source == "-":
        return GivenAsset("", "", "on standard input", standard_input())
    path = Path(source)
    if "/" in source or path.suffix == ".json":
        _expect_file(path, source)
        return GivenAsset("", "", str(path), json_object(path), path)
    if not home.exists:
        hint = " To use the file of that name, write ./ before it." if _is_file(path) else ""
        raise InputError(f"There is no stored asset {source!r:.200}.{hint}")
    return stored_asset(source, home)


def _is_json(source: str) -> bool:
    """Whether it is an object where its file's name should be; it may hold secrets, and is not repeated."""
    return source.lstrip().startswith("{")


def stored_asset(name: str, home: Home) -> GivenAsset:
    """A stored asset. Raises `StoreError`."""
    stored = home.assets.get(name)
    return GivenAsset(stored.id, stored.name, stored.name, stored.config)


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file: an asset's fields, or an input of the platform. Raises `InputError`."""
    if _is_json(str(path)):
        raise InputError(
            "A JSON file is expected, not JSON itself: others can see what is on a command line."
        )
    return _as_object(parse(_read_file(path), str(path)), str(path))


def standard_input() -> dict[str, Any]:
    """The object on standard input. Raises `InputError`."""
    return _as_object(parse(_read_standard_input(), "Standard input"), "Standard input")


def _as_object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} holds {_kind(value)}; a JSON object is expected.")
    return value


def parameter_sets(source: str) -> list[dict[str, Any]]:
    """Parameter sets from a JSON file, `-` (standard input), or JSON itself. Raises `InputError`."""
    if source.lstrip().startswith(("{", "[")):
        return as_parameter_sets(parse(os.fsencode(source), "What stands after --params"), "The parameters")
    if source == "-":
        return as_parameter_sets(parse(_read_standard_input(), "Standard input"), "Standard input")
    path = Path(source)
    if source and _is_folder(path):
        raise InputError(f"{source!r:.200} is a folder; a JSON file is expected.")
    if not _is_file(path):
        raise InputError(
            f"{source!r:.200} is neither a JSON file, nor -, nor a JSON object or list of objects."
        )
    return as_parameter_sets(parse(_read_file(path), str(path)), str(path))


def as_parameter_sets(value: object, where: str) -> list[dict[str, Any]]:
    """One object, or a list of them that is not empty, as a list. Raises `InputError`."""
    given: list[object] = value if isinstance(value, list) else [value]
    if not given:
        raise InputError(f"{where}: the list of parameter sets is empty, so there is nothing to do.")
    sets = []
    for number, item in enumerate(given, start=1):
        if not isinstance(item, dict):
            which = f"item {number} of the list" if isinstance(value, list) else "it"
            raise no_parameter_set(item, f"{where}: {which}")
        sets.append(item)
    return sets


def no_parameter_set(value: object, where: str) -> InputError:
    """What is wrong with a value that stands where a parameter set is expected."""
    return InputError(f"{where} is {_kind(value)}; a parameter set is a JSON object.")


def container_id(text: str) -> str:
    """A container's id as it may be stored. Raises `InputError`."""
    if not _CONTAINER_ID.fullmatch(text):
        raise InputError(f"{text!r:.80} is not a container's id: use up to 64 letters, digits and . _ : -")
    return text


def parse(data: bytes, where: str) -> Any:
    """JSON (UTF-8) without double keys, NaN or deep nesting. Raises `InputError`, which says where the fault is."""
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 at octet {error.start}.") from error
    except RecursionError as error:
        raise InputError(f"{where}: nested more than {MAX_DEPTH} deep.") from error
    except ValueError as error:
        # a double key, NaN, or a number with thousands of digits
        raise InputError(f"{where}: {error}.") from error
    if _depth(value) > MAX_DEPTH:
        raise InputError(f"{where}: nested more than {MAX_DEPTH} deep.")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"{name!r:.80} is given twice")
        result[name] = value
    return result


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _depth(value: object) -> int:
    """How deep lists and objects are nested, a level at a time: recursion would end where it matters."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        if depth > MAX_DEPTH:
            break
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _expect_file(path: Path, source: str) -> None:
    """Raises `InputError` for a folder, and for what is not there."""
    if not _is_file(path):
        if _is_folder(path):
            raise InputError(f"{source!r:.200} is a folder; a JSON file is expected.")
        raise InputError(f"There is no file {source!r:.200}.")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False  # a name that no file can have


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _read(file, str(path))
    except OSError as error:
        raise InputError(f"{str(path)!r:.200} can't be read: {reason(error)}.") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r:.200} can't be the name of a file.") from error


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("Standard input is closed.")
    return _read(sys.stdin.buffer, "Standard input")


def _read(file: BinaryIO, where: str) -> bytes:
    data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise InputError(f"{where} is larger than {MAX_JSON // 1024 // 1024} MiB.")
    return data


def _kind(value: object) -> str:
    for kind, name in ((dict, "an object"), (list, "a list"), (str, "a text"), (bool, "true or false")):
        if isinstance(value, kind):
            return name
    return "null" if value is None else "a number"
