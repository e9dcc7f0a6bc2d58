"""`phantom.rules`: the vault, over an index that the tests and `vault_add` write.

Its functions work inside action runs only.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_RUNNING = "PHANTOM_ACTION_RUNS"


def vault_info(
    vault_id: str | None = None,
    file_name: str | None = None,
    container_id: int | str | None = None,
    trace: bool = False,
) -> tuple[bool, str, tuple[dict[str, Any], ...] | None]:
    """What is known of a file: (ok, message, records)."""
    if _RUNNING not in os.environ:
        raise RuntimeError("phantom.rules was called while a module was being imported")
    if container_id is not None:
        container_id = int(container_id)
    index = json.loads(Path(os.environ["PHANTOM_HOME"], "vault", "index.json").read_text())
    wanted = {"vault_id": vault_id, "name": file_name, "container_id": container_id}
    found = tuple(
        record
        for record in index
        if all(record[key] == value for key, value in wanted.items() if value is not None)
    )
    if not found:
        return False, "Vault item(s) not found", None
    return True, "Successfully retrieved vault item", found


def vault_add(
    container: int, file_location: str, file_name: str | None = None, metadata: dict[str, str] | None = None
) -> tuple[bool, str, str | None]:
    """Take in a file that lies in the vault's own temporary folder: (ok, message, vault id)."""
    vault = Path(os.environ["PHANTOM_HOME"], "vault")
    source = Path(file_location)
    if source.parent != vault / "tmp":
        return False, "Failed to add: the file is not in the vault's temporary folder", None
    octets = source.read_bytes()
    vault_id = hashlib.sha1(octets, usedforsecurity=False).hexdigest()
    path = source.rename(vault / vault_id)
    record = {
        "vault_id": vault_id,
        "name": file_name or source.name,
        "container_id": int(container),
        "path": str(path),
        "size": len(octets),
    }
    index = vault / "index.json"
    index.write_text(json.dumps([*json.loads(index.read_text()), record]))
    return True, "Success", vault_id
