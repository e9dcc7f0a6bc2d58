"""The files of a draft: each is looked at, and its content id is held against the others' and against the HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence

from message import html as markup
from message.attachments import Attachment, File, look_at
from message.errors import Fault, shown

_CONTENT_ID = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,250}"


def looked_at(
    attachments: Sequence[Attachment], token: str
) -> tuple[tuple[File, ...], list[Fault], list[str]]:
    """Return the files as they go, what is wrong with them, and what is to be told. `token` occurs in none of them."""
    files: list[File] = []
    faults: list[Fault] = []
    warnings: list[str] = []
    taken: set[str] = set()
    for attachment in attachments:
        what = str(attachment)
        given = attachment.content_id.strip()
        content_id = given[1:-1] if given.startswith("<") and given.endswith(">") else given
        if given and not re.fullmatch(_CONTENT_ID, content_id):
            text = f"its content_id {shown(given)} is not a content id: use letters, digits and . _ - @"
            faults.append(Fault(attachment.field, text))
        elif given and content_id in taken:
            text = f"its content_id {shown(content_id)} is given to two attachments"
            faults.append(Fault(attachment.field, text))
        taken.add(content_id)
        try:
            file = look_at(attachment, content_id, absent=token.encode())
        except (OSError, ValueError) as exc:
            reason = (isinstance(exc, OSError) and exc.strerror) or exc
            faults.append(Fault(attachment.field, f"{what} can't be attached: {reason}"))
            continue
        if file.name != attachment.name:
            warnings.append(f"the attachment {what} is sent as {shown(file.name)}")
        files.append(file)
    return tuple(files), faults, warnings


def unmatched(html: str, files: Sequence[File]) -> list[str]:
    """A warning for each content id that the HTML refers to and no file has, and the other way round."""
    referred, inline = markup.content_ids(html), {file.content_id for file in files if file.content_id}
    return [
        *[
            f"the HTML refers to cid:{shown(name)[1:-1]}, which no attachment has"
            for name in sorted(referred - inline)
        ],
        *[f"the HTML does not refer to the content id {name}" for name in sorted(inline - referred)],
    ]
