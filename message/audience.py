"""Whom an account may write to: patterns that allow and deny, a limit, and a test mode that sends elsewhere.

What is denied is denied even if it is allowed too. The rules are held against those whom the mail is meant for, also
where it goes to somebody else instead: what passes a test then passes in earnest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from message import address as addresses
from message.address.mailbox import Mailbox, key, unique
from message.errors import Fault, Lack, shown
from smtp.envelope import Address
from smtp.errors import InvalidValue

_UNSPELLED = r"""[\s"(),:;<>@\[\]\\]"""
"""What no part before an @ has, unless it is quoted; rules are held against what is between the quotes."""
REDIRECTED = "X-Original-To"
"""The header that names whom a mail was meant for."""


class Pattern(NamedTuple):
    """Which addresses are meant: `*@example.com`, `example.com`, `ops-*@example.com`; `*` stands for any text."""

    local_part: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `InvalidValue`."""
        local_part, at, domain = text.strip().rpartition("@")
        domain = ".".join(_label(label) for label in domain.split("."))
        try:
            # What fits no address at all would forbid nothing, and nobody would notice.
            Address("x", domain.replace("*", "x"))
            is_sound = bool(local_part or not at) and not re.search(_UNSPELLED, local_part)
        except InvalidValue:
            is_sound = False
        if not is_sound:
            raise InvalidValue(f"{shown(text)} is no pattern such as *@example.com or example.com")
        return cls(local_part.lower() or "*", domain.lower())

    def fits(self, address_key: str) -> bool:
        local_part, _, domain = address_key.rpartition("@")
        return _fits(self.domain, domain) and _fits(self.local_part, local_part)


class Audience(NamedTuple):
    """Without `allowed` everybody is, without `most` any number of recipients. `instead` get what others would."""

    allowed: tuple[Pattern, ...] = ()
    denied: tuple[Pattern, ...] = ()
    most: int | None = None
    instead: tuple[Mailbox, ...] = ()

    def admits(self, address: Address) -> bool:
        """Whether this address may be written to."""
        return self._lack(address) is None

    def faults(self, recipients: Mapping[str, Sequence[Mailbox]]) -> list[Fault]:
        """What is wrong with these recipients, by the parameter that names them."""
        faults: list[Fault] = []
        for field, mailboxes in recipients.items():
            for mailbox in mailboxes:
                if lack := self._lack(mailbox.address):
                    faults.append(Fault(field, f"{shown(str(mailbox.address))} may not be written to", lack))
        count = len(unique([mailbox for mailboxes in recipients.values() for mailbox in mailboxes]))
        if self.most is not None and count > self.most:
            text = f"there are {count} recipients, and a mail may have {self.most}"
            faults.append(Fault(next(iter(recipients)), text, Lack.ROOM))
        return faults

    def _lack(self, address: Address) -> Lack | None:
        if not (self.allowed or self.denied):
            return None
        spelled = key(address)
        # Servers may take letters of one look for each other (RFC 6530 section 10.1): who is denied is, in all of them.
        folded = spelled if spelled.isascii() else _folded(spelled)
        if any(pattern.fits(spelled) or pattern.fits(folded) for pattern in self.denied):
            return Lack.NOT_DENIED
        if self.allowed and not any(pattern.fits(spelled) for pattern in self.allowed):
            return Lack.ALLOWED
        return None


EVERYBODY = Audience()


def redirected(instead: Iterable[Mailbox]) -> str:
    """The warning about a mail that goes elsewhere."""
    names = ", ".join(str(mailbox.address) for mailbox in instead)
    return f"test mode: this went to {shown(names)[1:-1]} and to none of its recipients"


def _label(label: str) -> str:
    """A part of a domain in ASCII, one with a `*` in it too. Raises `InvalidValue`."""
    return label if label.isascii() else addresses.a_label(label)


def _folded(text: str) -> str:
    from unicodedata import normalize  # few addresses are in more than ASCII

    return normalize("NFKC", text).lower()


def _fits(pattern: str, text: str) -> bool:
    """Whether `text` is what `pattern` describes. Takes time in proportion to both, however many `*` there are."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
