"""What is wrong with a message, as facts: which parameter, which header, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from smtp.errors import Category, MailError
from smtp.text import printable

STEP = "parameters"
_SHOWN = 80
_MOST_TOLD = 200


class Lack(StrEnum):
    """What a message would need and was not given: whoever knows where that is set can say so."""

    SENDER = "sender"
    """Somebody whom it is from."""
    UNICODE = "unicode"
    """Leave to hold other than ASCII."""
    CERTIFICATE = "certificate"
    """A recipient's certificate, where mails are encrypted."""
    ALLOWED = "allowed"
    """Leave to write to somebody, where only some may be written to."""
    NOT_DENIED = "not denied"
    """That nobody has said not to write to somebody."""
    ROOM = "room"
    """Leave to write to so many."""
    SMTPUTF8 = "SMTPUTF8"
    """A server with SMTPUTF8 (RFC 6531), and leave to use it."""


class Fault(NamedTuple):
    """One thing wrong. `field` is the parameter's name, or "" where the text stands for itself."""

    field: str
    text: str
    lack: Lack | None = None
    is_of_account: bool = False
    """Whether it is the account's settings that have to change, and not the message."""

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


class MessageError(MailError):
    """The message can't be made as asked. Nothing was sent; `faults` has everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        told = [str(fault) for fault in self.faults[:_MOST_TOLD]]
        if len(self.faults) > _MOST_TOLD:
            told.append(f"and {len(self.faults) - _MOST_TOLD} more faults")
        is_input = not self.faults or not all(fault.is_of_account for fault in self.faults)
        category = Category.INPUT if is_input else Category.CONFIGURATION
        super().__init__("; ".join(told), step=STEP, category=category)


class AttachmentChanged(MailError, OSError):
    """A file is no longer what it was when it was looked up, or can't be read: its part was not completed.

    While a message is sent it is an `OSError` like any other (`smtp.content.whole`). What reads the file before that (a
    signature, the digest of a key, a preview) ends with it as it is.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, step="attachments", category=Category.CONTENT)


def shown(value: str, limit: int = _SHOWN) -> str:
    """`value` in quotes for a message to the user: capped, with everything that can't be seen escaped."""
    capped = value if len(value) <= limit else value[:limit] + "…"
    return f"'{printable(capped)}'"
