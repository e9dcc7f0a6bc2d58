"""Mailboxes and lists of them, as people and programs write them (RFC 5322 section 3.4, RFC 6532)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeGuard

from message import address as addresses
from message.address.scanner import NO_AT, Entry, scan
from message.errors import Fault, MessageError, shown
from smtp.envelope import Address
from smtp.errors import InvalidValue

_MOST_FAULTS = 100
# An address of ASCII atoms, as nearly all are, and a list of nothing else: what is read without a scanner.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*+@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+"
_BETWEEN = r"[ \t]*+[,;\r\n][,;\r\n \t]*+"
_PLAIN_LIST = re.compile(rf"[,;\r\n \t]*+{_ADDRESS}(?:{_BETWEEN}{_ADDRESS})*+[,;\r\n \t]*+")
_SEPARATORS = re.compile(r"[,;\r\n \t]++")
# C0, DEL and C1 controls, line and paragraph separators, halves of surrogate pairs, BiDi embeddings, overrides
# and isolates. Marks that only join or order letters (ZWJ, RLM) stay: names are written with them.
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


class Mailbox(NamedTuple):
    """A display name ("" for none) and an address."""

    name: str
    address: Address


def parse_list(
    value: str | Sequence[str] | None, field: str, warnings: list[str] | None = None
) -> tuple[Mailbox, ...]:
    """The mailboxes of an address list, of a list of them, or of a JSON list in a string; in order, none dropped.

    Commas, semicolons and new lines separate; groups are expanded. With `warnings`, what breaks the rules and has
    one reading only is understood, and told there. Raises `MessageError` that names `field` and each bad address
    (the first 100, and how many more there are), with a proposal where there is one.
    """
    if isinstance(value, str):
        listed = json_list(value) if "[" in value else None
        value = (value,) if listed is None else listed
    mailboxes: list[Mailbox] = []
    faults: list[Fault] = []
    bad = 0
    for text in value or ():
        if not isinstance(text, str):
            raise MessageError([Fault(field, f"{shown(repr(text))} in the list is not a text")])
        if _PLAIN_LIST.fullmatch(text):
            try:
                specs = filter(None, _SEPARATORS.split(text))
                mailboxes += [Mailbox("", Address(*spec.split("@"))) for spec in specs]
                continue
            except InvalidValue:
                pass  # which one it is, and what may have been meant, is found below
        for entry in _entries(text, field, warnings):
            try:
                mailboxes.append(_mailbox(entry))
            except InvalidValue as exc:
                bad += 1
                if bad <= _MOST_FAULTS:
                    told = f"{shown(entry.text)} is not a valid address: {exc}{_proposal(entry.text)}"
                    faults.append(Fault(field, told))
    if bad > _MOST_FAULTS:
        faults.append(Fault(field, f"{bad - _MOST_FAULTS} more addresses are not valid"))
    if faults:
        raise MessageError(faults)
    return tuple(mailboxes)


def _is_sound(entry: Entry | None) -> TypeGuard[Entry]:
    """Whether a mailbox can be made of it."""
    try:
        return entry is not None and bool(_mailbox(entry))
    except InvalidValue:
        return False


def _proposal(text: str) -> str:
    meant = [shown(entry.text) for entry in addresses.proposals(text) if _is_sound(entry)]
    return f"; did you mean {' or '.join(meant)}?" if meant else ""


def _entries(text: str, field: str, warnings: list[str] | None) -> Iterator[Entry]:
    """The entries of a list, those that break the rules as they are understood."""
    entries = scan(text)
    if warnings is None:
        yield from entries
        return
    if ";" in text and "," in text and "<" in text:
        entries = _joined(tuple(entries), field, warnings)
    for entry in entries:
        if _is_sound(entry):
            yield entry
            continue
        understood = addresses.understood(entry.text)
        if _is_sound(understood):
            warnings.append(_taken(field, entry.text, understood))
            yield understood
        else:
            yield entry


def _joined(entries: Sequence[Entry], field: str, warnings: list[str]) -> Iterator[Entry]:
    """`Last, First <address>; …`: where only semicolons separate addresses, a comma belongs to a name."""
    whole = [entry for entry in entries if entry.problem != NO_AT]
    separated = all(";" in entry.separator or "\n" in entry.separator for entry in whole[:-1])
    before: Entry | None = None
    for entry in entries:
        if separated and not before and entry.problem == NO_AT and entry.separator.strip() == ",":
            before = entry
            continue
        if before:
            joined = addresses.with_comma(before.text, entry)
            if _is_sound(joined):
                warnings.append(_taken(field, f"{before.text}, {entry.text}", joined))
                yield joined
            else:
                yield from (before, entry)
            before = None
        else:
            yield entry
    if before:
        yield before


def _taken(field: str, text: str, entry: Entry) -> str:
    return f"{field}: {shown(text)} is taken for {shown(entry.text)}"


def unique(mailboxes: Sequence[Mailbox]) -> tuple[Mailbox, ...]:
    """Each mailbox once, the first spelling kept."""
    if len(mailboxes) < 2:
        return tuple(mailboxes)
    kept: dict[str, Mailbox] = {}
    for mailbox in mailboxes:
        kept.setdefault(key(mailbox.address), mailbox)
    return tuple(kept.values())


def key(address: Address) -> str:
    """What all spellings of one mailbox have in common: a domain is compared by its A-labels."""
    return address.key if address.domain.isascii() else ascii_domain(address).key


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
    domains = {m.address.domain: None for m in mailboxes if not m.address.domain.isascii()}
    if not domains:
        return ()
    return tuple(
        f"the domain {shown(domain)} may be made to look like another; it is {addresses.a_label(domain)}"
        for domain in domains
        if addresses.looks_like_another(domain)
    )


def json_list(text: str) -> list[Any] | None:
    """The members of a JSON list; None for any other text. What begins like one is no address and no vault id."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None


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
    if "=?" in text:
        text = addresses.decoded(text)
    text = text.replace("\t", " ")  # a name may be folded before one
    if _NOT_IN_A_NAME.search(text):
        raise InvalidValue("control characters are not allowed in a name")
    return " ".join(text.split())
