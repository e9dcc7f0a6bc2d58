"""The secrets that a component refers to: from a JSON file, or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.local import inputs

ENVIRONMENT = "env"
"""The `auth.secretStore` of a component whose secrets are environment variables."""


class SecretMissing(Exception):
    """There is no such secret. The text names it, and where it was looked for."""


class Secrets:
    """`path` is the JSON file, None where none was given. Raises `InputError` for one that can't be used."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: Mapping[str, Any] = inputs.json_object(path) if path is not None else {}

    def find(self, store: str, name: str, key: str) -> str:
        """The value of a `secretKeyRef` in a component whose `auth.secretStore` is `store`. Raises `SecretMissing`.

        In the file it is under `name`, and there under `key`; a file of one level has it under `name`, or else under
        `key`.
        """
        if store == ENVIRONMENT:
            value: object = os.environ.get(name, os.environ.get(key))
            where = "the environment"
        elif self._path is None:
            raise SecretMissing(f"the secret {name!r} is in a file: name it with --secrets")
        else:
            value = self._in_file(name, key)
            where = str(self._path)
        if not isinstance(value, str):
            raise SecretMissing(f"{where} has no secret {name!r}" + (f" with the key {key!r}" if key else ""))
        return value

    def _in_file(self, name: str, key: str) -> object:
        under_name = self._values.get(name)
        if isinstance(under_name, Mapping):
            return under_name.get(key or name)
        return under_name if under_name is not None else self._values.get(key)
