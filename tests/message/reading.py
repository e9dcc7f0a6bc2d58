"""A message as somebody else's mail reader sees it."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

from message.attachments import Attachment
from message.compose import Message
from message.draft import Addressing, Defaults, html_draft, plain_draft

DEFAULTS = Defaults(sender="soar@example.com")


def octets(message: Message) -> bytes:
    """What goes over the wire, and a check that its size was known before."""
    data = b"".join(message.content.chunks())
    assert len(data) == message.content.size
    return data


def read(message: Message) -> EmailMessage:
    return message_from_bytes(octets(message), policy=policy.default)


def text_of(part: Message | MIMEPart) -> str:
    """A text part's text with `\n` line ends, and none at its end."""
    content: str = (read(part) if isinstance(part, Message) else part).get_content()
    return content.replace("\r\n", "\n").removesuffix("\n")


def headers_of(message: Message) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in read(message).items()]


def email(
    body: str = "Hello",
    attachments: tuple[Attachment, ...] = (),
    defaults: Defaults = DEFAULTS,
    *,
    eight_bit: bool = True,
    smtputf8: bool = True,
    **addressing: Any,
) -> Message:
    """`send email` to bob@example.com, unless told otherwise."""
    asked = Addressing(**{"to": "bob@example.com", **addressing})
    return plain_draft(asked, body, attachments, defaults).compose(eight_bit=eight_bit, smtputf8=smtputf8)


def html_email(
    html: str,
    text: str | None = None,
    attachments: tuple[Attachment, ...] = (),
    *,
    sanitize: bool = True,
    eight_bit: bool = True,
    **addressing: Any,
) -> Message:
    """`send htmlemail` to bob@example.com."""
    asked = Addressing(**{"to": "bob@example.com", **addressing})
    draft = html_draft(asked, html, text, attachments, DEFAULTS, should_sanitize=sanitize)
    return draft.compose(eight_bit=eight_bit, smtputf8=False)


def stored(folder: Path, name: str, data: bytes, content_id: str = "") -> Attachment:
    """A file of the vault, as it is looked up."""
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return Attachment("da39a3ee5e6b4b0d3255bfef95601890afd80709", name, path, len(data), content_id)
