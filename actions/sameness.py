"""Whether two parameter sets ask for the same mail: what an idempotency key is held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from actions.contract import KEY
from delivery.attempt import Outgoing
from message.attachments import File
from message.compose import Draft

_FILES = frozenset(
    (
        "attachments",
        "attachment_json",
        *(f"{name}{n}" for n in range(1, 6) for name in ("attachment", "content_id")),
    )
)
"""The parameters that name files, of which not the name counts but the content."""
_PIECE = 1 << 20


def content_digest(values: Mapping[str, Any], outgoing: Outgoing) -> bytes:
    """SHA-256 of what a mail is made of: typed parameters without the key, and files by their SHA-256 and content id.

    Raises `AttachmentChanged` for a file that is not what it was when it was looked up.
    """
    digest = sha256()
    for name in sorted(values.keys() - _FILES - {KEY}):
        text = values[name] if isinstance(values[name], str) else json.dumps(values[name], sort_keys=True)
        digest.update(json.dumps([name, type(values[name]).__name__, len(text)]).encode())
        for start in range(0, len(text), _PIECE):  # a raw mail may be all that fits into memory
            digest.update(text[start : start + _PIECE].encode(errors="surrogatepass"))
    # An event's file is made from the parameters, and of the moment.
    files = outgoing.attachments if isinstance(outgoing, Draft) and not outgoing.calendar else ()
    digest.update(json.dumps([(file.content_id, _sha256(file)) for file in files]).encode())
    if outgoing.redirected:  # what was sent in a test was not sent yet
        digest.update(json.dumps([str(address) for address in outgoing.recipients]).encode())
    return digest.digest()


def _sha256(file: File) -> str:
    record = file.record()
    for _ in file.content(record, encoded=False).chunks():
        pass
    return record.sha256
