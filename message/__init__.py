"""Mails: checked as a whole, composed for the server that is to take them, and sent as they were meant.

    from message import Addressing, plain_draft

    draft = plain_draft(Addressing(to="Bob <bob@example.com>", sender="ann@example.com", subject="Hi"), "Hello")
    message = draft.compose(eight_bit=True, smtputf8=False)
    octets = b"".join(message.content.chunks())

What is named here is loaded when it is first used (PEP 562): a program that sends ready-made messages need not
load what drafts new ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from message.attachments import Attachment
    from message.compose import Draft, Message
    from message.draft import Addressing, html_draft, plain_draft
    from message.errors import MessageError
    from message.raw import RawMessage, parse_raw

__all__ = [
    "Addressing",
    "Attachment",
    "Draft",
    "Message",
    "MessageError",
    "RawMessage",
    "html_draft",
    "parse_raw",
    "plain_draft",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Attachment":
        from message import attachments

        return attachments.Attachment
    if name in ("RawMessage", "parse_raw"):
        from message import raw

        return getattr(raw, name)
    from message import compose, draft, errors

    return {
        "Addressing": draft.Addressing,
        "Draft": compose.Draft,
        "Message": compose.Message,
        "MessageError": errors.MessageError,
        "html_draft": draft.html_draft,
        "plain_draft": draft.plain_draft,
    }[name]


def __dir__() -> list[str]:
    return __all__
