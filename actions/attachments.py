"""The files that a message is to carry: vault ids become attachments, and every one that is missing is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.contract import Vault, VaultError
from message.errors import Fault

if TYPE_CHECKING:
    from message.attachments import Attachment

MOST_FAULTS = 100
"""Missing files that are named; with more of them something else is wrong."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file asked for: the parameter that asks, the vault id, and the content id under which HTML shows it."""

    field: str
    vault_id: str
    content_id: str = ""


def listed(field: str, value: str | Sequence[str]) -> list[Wanted]:
    """Vault ids separated by commas, a list of them, or such a list as JSON text."""
    ids = _ids(value) if isinstance(value, str) else value
    return [Wanted(field, vault_id.strip()) for vault_id in ids if vault_id.strip()]


def from_json(field: str, value: str | Sequence[Any]) -> tuple[list[Wanted], list[Fault]]:
    """Return what a list asks for, in JSON or as it is, of objects with `vault_id` and perhaps `content_id`.

    With it come the faults of the list. What else an object has is passed over: playbooks keep notes there.
    """
    items: Any = value
    if isinstance(value, str):
        if not value.strip():
            return [], []
        try:
            items = json.loads(value)
        except json.JSONDecodeError as exc:
            return [], [Fault(field, f"it is not JSON (line {exc.lineno}, column {exc.colno})")]
        except (ValueError, RecursionError):
            return [], [Fault(field, "it is not JSON")]
    faults = [Fault(field, fault) for fault in _faults(items)]
    if faults:
        return [], faults
    wanted = [
        Wanted(field, item["vault_id"].strip(), (item.get("content_id") or "").strip()) for item in items
    ]
    return wanted, []


def _ids(text: str) -> Sequence[str]:
    if text.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            items = json.loads(text)
            if all(isinstance(item, str) for item in items):
                ids: list[str] = items
                return ids
    return text.split(",")


def _faults(items: object) -> list[str]:
    if not isinstance(items, list):
        return ["it has to be a JSON list of objects"]
    faults = []
    for number, item in enumerate(items, 1):
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("vault_id"), str)
            or not item["vault_id"].strip()
        ):
            faults.append(f"entry {number} has no vault_id")
        elif not isinstance(item.get("content_id") or "", str):
            faults.append(f"the content_id of entry {number} is not text")
    return faults


def look_up(wanted: Sequence[Wanted], vault: Vault) -> tuple[list[Attachment], list[Fault]]:
    """Return the files that there are, and a fault for each that there is not, as far as anybody would read on."""
    if not wanted:
        return [], []
    from message.attachments import Attachment  # most mails have none

    found: list[Attachment] = []
    faults: list[Fault] = []
    for index, one in enumerate(wanted):
        if len(faults) == MOST_FAULTS:
            faults.append(Fault(one.field, f"{len(wanted) - index} more were not looked for"))
            break
        try:
            file = vault.find(one.vault_id)
        except VaultError as exc:
            faults.append(Fault(one.field, str(exc).rstrip(".")))
        else:
            found.append(
                Attachment(file.vault_id, file.name, file.path, file.size, one.content_id, one.field)
            )
    return found, faults
