"""`phantom.rules`: the vault, over an index that the tests write. Its functions work inside action runs only."""

from __future__ import annotations

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
