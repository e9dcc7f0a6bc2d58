"""The files that a message is to carry: vault ids become attachments, and every one that is missing is named."""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from actions.contract import Vault, VaultError
from message.address.mailbox import json_list
from message.conversation import LONGEST_HEADER
from message.errors import Fault, shown

if TYPE_CHECKING:
    from message.attachments import Attachment

MOST_FAULTS = 100
"""Missing files that are named; with more of them something else is wrong."""
_VAULT_ID = re.compile(r"[0-9a-fA-F]{40}")


class Wanted(NamedTuple):
    """One file asked for: the parameter that asks, the vault id, and the content id under which HTML shows it."""

    field: str
    vault_id: str
    content_id: str = ""


def listed(field: str, value: str | Sequence[str]) -> list[Wanted]:
    """Vault ids separated by commas, a list of them, or such a list as JSON text."""
    ids: Sequence[str] = value
    if isinstance(value, str):
        listed_ids = json_list(value)
        if listed_ids is None or not all(isinstance(vault_id, str) for vault_id in listed_ids):
            listed_ids = value.split(",")
        ids = listed_ids
    return [Wanted(field, vault_id.strip()) for vault_id in ids if vault_id.strip()]


def from_json(field: str, value: str | Sequence[Any]) -> tuple[list[Wanted], list[Fault]]:
    """Return what a list asks for, in JSON or as it is, of objects with `vault_id` and perhaps `content_id`.

    With it come the faults of the list. What else an object has is passed over: playbooks keep notes there.
    """
    items, faults = _objects(field, value)
    faults += [
        Fault(field, fault)
        for number, item in enumerate(items, 1)
        for fault in _faults(number, item, "vault_id")
    ]
    if faults:
        return [], faults
    wanted = [
        Wanted(field, item["vault_id"].strip(), (item.get("content_id") or "").strip()) for item in items
    ]
    return wanted, []


def from_memory(value: str | Sequence[Any]) -> tuple[list[Attachment], list[Fault]]:
    """Return files that lie nowhere: objects with `name` and either `text` or `base64`, perhaps `content_id`."""
    field = "transient_files"
    items, faults = _objects(field, value)
    if not items:
        return [], faults
    from message.attachments import Attachment  # most mails have none

    files: list[Attachment] = []
    for number, item in enumerate(items, 1):
        found = _faults(number, item, "name")
        text, encoded = item.get("text"), item.get("base64")
        data = b""
        if isinstance(text, str) and encoded is None:
            try:
                data = text.encode()
            except UnicodeEncodeError as exc:
                found.append(
                    f"the text of entry {number} has {shown(text[exc.start])}, which is half a character"
                )
        elif isinstance(encoded, str) and text is None:
            try:
                data = a2b_base64("".join(encoded.split()).encode(), strict_mode=True)
            except (Error, UnicodeEncodeError):
                found.append(f"the base64 of entry {number} is broken")
        else:
            found.append(f"entry {number} needs either a text or a base64, as text")
        if found:
            faults += [Fault(field, fault) for fault in found]
        else:
            content_id = (item.get("content_id") or "").strip()
            files.append(Attachment.of_octets(item["name"], data, content_id, field, is_template=True))
    return files, faults


def named(
    files: Sequence[Attachment], value: str | Mapping[str, object]
) -> tuple[list[Attachment], list[Fault]]:
    """Return the files under the names that a JSON object (vault id to name) gives them."""
    field = "attachment_names"
    if not value or (isinstance(value, str) and not value.strip()):
        return list(files), []
    names: Any = value
    if isinstance(value, str):
        try:
            names = json.loads(value)
        except (ValueError, RecursionError):
            names = None
    if not isinstance(names, Mapping) or not all(
        isinstance(name, str) and name.strip() for name in names.values()
    ):
        return list(files), [Fault(field, 'it has to be a JSON object such as {"VAULT ID": "report.pdf"}')]
    given = {vault_id.strip().lower(): name for vault_id, name in names.items()}
    unknown = given.keys() - {file.reference.lower() for file in files}
    faults = [Fault(field, f"{shown(vault_id)} is not attached") for vault_id in sorted(unknown)]
    renamed = [
        file._replace(name=given[file.reference.lower()], is_template=True)
        if file.reference.lower() in given
        else file
        for file in files
    ]
    return renamed, faults


def answered_mail(value: str, vault: Vault) -> tuple[str | bytes, list[Fault]]:
    """Return what `in_reply_to` names: a Message-ID as it is, the header of a mail that lies in the vault."""
    if not _VAULT_ID.fullmatch(value.strip()):
        return value, []
    from message.attachments import beginning  # few mails answer one of the vault

    try:
        return beginning(vault.find(value.strip()).path, LONGEST_HEADER), []
    except VaultError as exc:
        return "", [Fault("in_reply_to", str(exc).rstrip("."))]
    except OSError as exc:
        return "", [Fault("in_reply_to", f"{value.strip()} can't be read: {exc.strerror or exc}")]


def _objects(field: str, value: str | Sequence[Any]) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Return the objects of a list that is given in JSON or as it is."""
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
    if not isinstance(items, list):
        return [], [Fault(field, "it has to be a JSON list of objects")]
    return [item if isinstance(item, dict) else {} for item in items], []


def _faults(number: int, item: Mapping[str, Any], key: str) -> list[str]:
    if not isinstance(item.get(key), str) or not item[key].strip():
        return [f"entry {number} has no {key}"]
    if not isinstance(item.get("content_id") or "", str):
        return [f"the content_id of entry {number} is not text"]
    return []


def look_up(wanted: Sequence[Wanted], vault: Vault) -> tuple[list[Attachment], list[Fault]]:
    """Return the files that there are, and a fault for each that there is not, as far as anybody would read on."""
    if not wanted:
        return [], []
    from message.attachments import Attachment  # most mails have none

    found: list[Attachment] = []
    faults: list[Fault] = []
    left = Counter(one.vault_id.lower() for one in wanted)
    for index, one in enumerate(wanted):
        if len(faults) == MOST_FAULTS:
            faults.append(Fault(one.field, f"{len(wanted) - index} more were not looked for"))
            break
        try:
            file = vault.find(one.vault_id)
        except VaultError as exc:
            faults.append(Fault(one.field, str(exc).rstrip(".")))
        else:
            # The same content was added under several names: the last ones, in their order, are meant.
            nth = left[one.vault_id.lower()]
            name = file.names[-nth] if 1 < nth <= len(file.names) else file.name
            found.append(Attachment(file.vault_id, name, file.path, file.size, one.content_id, one.field))
        left[one.vault_id.lower()] -= 1
    return found, faults
