"""Who a message is from and to, as the server is told: addresses and the envelope (RFC 5321 sections 2.3.1, 4.1.2)."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple, Self

from smtp.errors import InvalidValue
from smtp.text import NOT_IN_A_LINE

# RFC 5321 4.5.3.1: octets, not characters.
MAX_LOCAL_PART = 64
MAX_DOMAIN = 255
MAX_PATH = 254

# By what is not in them: a set that spells out all of Unicode takes milliseconds to compile.
_ATOM = r"""[^\x00-\x20"(),.:;<>@\[\\\]\x7f]+"""
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
# No label begins or ends with a hyphen.
_LABEL = r"[^\x00-/:-@\[-`{-\x7f](?:[^\x00-,./:-@\[-^`{-\x7f]{0,61}[^\x00-/:-@\[-^`{-\x7f])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = r"\[(?:IPv6:([0-9A-Fa-f:.]{2,45})|([0-9.]{7,15}))\]"


class _AddressParts(NamedTuple):
    local_part: str
    domain: str


class Address(_AddressParts):
    """A mailbox: `local_part` without quoting, `domain` a name or an address literal with its brackets.

    Raises `InvalidValue` for anything that RFC 5321 section 4.1.2 (as widened by RFC 6531) has no form for,
    control characters and over-long parts included.
    """

    __slots__ = ()

    def __new__(cls, local_part: str, domain: str) -> Self:
        if not local_part or not domain:
            raise InvalidValue("an address needs a part before and after the @")
        if NOT_IN_A_LINE.search(local_part) or NOT_IN_A_LINE.search(domain):
            raise InvalidValue("control characters are not allowed in an address")
        if len(local_part.encode()) > MAX_LOCAL_PART:
            raise InvalidValue(f"the part before the @ has more than {MAX_LOCAL_PART} octets")
        if not (_DOMAIN.fullmatch(domain) or _is_literal(domain)):
            raise InvalidValue("the part after the @ is neither a domain name nor an address literal")
        address = super().__new__(cls, local_part, domain)
        if len(domain.encode()) > MAX_DOMAIN or len(str(address).encode()) > MAX_PATH:
            raise InvalidValue(f"the address has more than {MAX_PATH} octets")
        return address

    def __str__(self) -> str:
        """The addr-spec, with the local part quoted where it has to be."""
        if _DOT_STRING.fullmatch(self.local_part):
            return f"{self.local_part}@{self.domain}"
        escaped = self.local_part.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"@{self.domain}'

    @property
    def is_ascii(self) -> bool:
        return self.local_part.isascii() and self.domain.isascii()

    @property
    def key(self) -> str:
        """What two spellings of one mailbox have in common."""
        return f"{self.local_part}@{self.domain}".lower()


def _is_literal(domain: str) -> bool:
    """Whether it is an IP address in brackets (RFC 5321 section 4.1.3)."""
    literal = re.fullmatch(_LITERAL, domain, re.IGNORECASE)
    if literal is None:
        return False
    from ipaddress import AddressValueError, IPv4Address, IPv6Address  # hardly any domain is one

    try:
        return bool(IPv6Address(literal[1]) if literal[1] else IPv4Address(literal[2]))
    except AddressValueError:
        return False


class Body(StrEnum):
    """The BODY= parameter of MAIL (RFC 6152 section 2)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class Notify(StrEnum):
    """When the sender wants to hear of a recipient's delivery: the NOTIFY parameter of RCPT (RFC 3461 section 4.1)."""

    NEVER = "NEVER"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    DELAY = "DELAY"


class _EnvelopeParts(NamedTuple):
    sender: Address | None
    recipients: tuple[Address, ...]
    body: Body
    smtputf8: bool
    notify: tuple[Notify, ...]


class Envelope(_EnvelopeParts):
    """One transaction's addresses. `sender` None is the null reverse-path `<>`.

    `notify` is said to servers that offer DSN, and to no others. `smtputf8` asks for RFC 6531 handling; without it
    every address has to be ASCII. Raises `InvalidValue`.
    """

    __slots__ = ()

    def __new__(
        cls,
        sender: Address | None,
        recipients: tuple[Address, ...],
        body: Body = Body.SEVEN_BIT,
        smtputf8: bool = False,
        notify: tuple[Notify, ...] = (),
    ) -> Self:
        if not recipients:
            raise InvalidValue("an envelope needs at least one recipient")
        if Notify.NEVER in notify and len(notify) > 1:
            raise InvalidValue("who never wants to hear of a delivery can't want to hear of some")
        if not smtputf8:
            for address in (sender, *recipients):
                if address is not None and not str(address).isascii():
                    raise InvalidValue(f"{address} is not ASCII and SMTPUTF8 is not in use")
        return super().__new__(cls, sender, recipients, body, smtputf8, notify)

    def to(self, recipients: tuple[Address, ...]) -> Envelope:
        """The same envelope for other recipients."""
        if recipients is self.recipients:
            return self
        return Envelope(self.sender, recipients, self.body, self.smtputf8, self.notify)
