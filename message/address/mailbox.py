"""Mailboxes and lists of them, as people and programs write them (RFC 5322 section 3.4, RFC 6532)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from message import address as addresses
from message.address.scanner import Entry, scan
from message.errors import Fault, MessageError, shown
from smtp.envelope import Address
from smtp.errors import InvalidValue

_MOST_FAULTS = 100
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")
# C0, DEL and C1 controls, line and paragraph separators, halves of surrogate pairs, BiDi embeddings, overrides
# and isolates. Marks that only join or order letters (ZWJ, RLM) stay: names are written with them.
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name ("" for none) and an address."""

    name: str
    address: Address


def parse_list(value: str | Sequence[str] | None, field: str) -> tuple[Mailbox, ...]:
    """The mailboxes of an address list, of a list of them, or of a JSON list in a string; in order, none dropped.

    Commas, semicolons and new lines separate; groups are expanded. Raises `MessageError` that names `field`
    and each bad address (the first 100, and how many more there are).
    """
    mailboxes: list[Mailbox] = []
    faults: list[Fault] = []
    bad = 0
    for text in _texts(value, field):
        for entry in scan(text):
            try:
                mailboxes.append(_mailbox(entry))
            except InvalidValue as exc:
                bad += 1
                if bad <= _MOST_FAULTS:
                    faults.append(Fault(field, f"{shown(entry.text)} is not a valid address: {exc}"))
    if bad > _MOST_FAULTS:
        faults.append(Fault(field, f"{bad - _MOST_FAULTS} more addresses are not valid"))
    if faults:
        raise MessageError(faults)
    return tuple(mailboxes)


def unique(mailboxes: Iterable[Mailbox]) -> tuple[Mailbox, ...]:
    """Each mailbox once, the first spelling kept."""
    kept: dict[str, Mailbox] = {}
    for mailbox in mailboxes:
        kept.setdefault(mailbox.address.key, mailbox)
    return tuple(kept.values())


def ascii_domain(address: Address) -> Address:
    """The address with its domain as A-labels (RFC 5891). Raises `InvalidValue` that names the address."""
    if address.domain.isascii():
        return address
    try:
        return Address(address.local_part, addresses.a_label(address.domain))
    except InvalidValue as exc:
        raise InvalidValue(f"{shown(str(address))}: {exc}") from exc


def look_alikes(mailboxes: Iterable[Mailbox]) -> tuple[str, ...]:
    """A warning for each domain that may be meant to be taken for another, with what it is in ASCII."""
    domains = dict.fromkeys(m.address.domain for m in mailboxes if not m.address.domain.isascii())
    if not domains:
        return ()
    return tuple(
        f"the domain {shown(domain)} may be made to look like another; it is {addresses.a_label(domain)}"
        for domain in domains
        if addresses.looks_like_another(domain)
    )


def _texts(value: str | Sequence[str] | None, field: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, str):
        value = _from_json(value)
    for text in value:
        if not isinstance(text, str):
            raise MessageError([Fault(field, f"{shown(repr(text))} in the list is not a text")])
        yield text


def _from_json(text: str) -> Sequence[str]:
    """The members of a JSON list. No address begins with a bracket, so anything else is a plain list."""
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(value, list):
                return value
    return (text,)


def _mailbox(entry: Entry) -> Mailbox:
    if entry.problem:
        raise InvalidValue(entry.problem)
    address = Address(entry.local_part, entry.domain)
    if not address.is_ascii:
        _check_non_ascii(address)
    return Mailbox(_display_name(entry.name) if entry.name else "", address)


def _check_non_ascii(address: Address) -> None:
    if addresses.has_invisible(address.local_part) or addresses.has_invisible(address.domain):
        raise InvalidValue("it has characters that can't be seen")
    Address(address.local_part, addresses.a_label(address.domain))


def _display_name(text: str) -> str:
    """The name that is meant: encoded words decoded (RFC 2047), each run of spaces one space."""
    if "=?" in text and _ENCODED_WORD.search(text):
        text = _decoded(text)
    if _NOT_IN_A_NAME.search(text):
        raise InvalidValue("control characters are not allowed in a name")
    return " ".join(text.split())


def _decoded(text: str) -> str:
    from email import errors
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(text)))
    except (errors.MessageError, LookupError, ValueError):
        return text
