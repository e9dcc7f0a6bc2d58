"""The asset's fields that say whom it may write to, as rules for messages."""

from __future__ import annotations

import re
from functools import lru_cache

from delivery.asset import Asset
from delivery.errors import UnusableSettings, unusable
from message.address.mailbox import Mailbox, parse_list, unique
from message.audience import EVERYBODY, Audience, Pattern
from message.errors import Fault, MessageError
from smtp.errors import InvalidValue


def audience(asset: Asset) -> Audience:
    """Return what the asset's fields ask for. Raises `UnusableSettings` naming each that can't be used."""
    found, faults = _audience(
        asset.allowed_recipients, asset.denied_recipients, asset.max_recipients, asset.redirect_to
    )
    if faults:
        raise UnusableSettings(faults)
    return found


@lru_cache(16)
def _audience(
    allowed: str, denied: str, most: int | None, redirect_to: str
) -> tuple[Audience, tuple[Fault, ...]]:
    if not (allowed or denied or most or redirect_to):
        return EVERYBODY, ()
    faults: list[Fault] = []
    found = Audience(
        _patterns("allowed_recipients", allowed, faults),
        _patterns("denied_recipients", denied, faults),
        most,
        _mailboxes("redirect_to", redirect_to, faults),
    )
    return found, tuple(faults)


def _patterns(field: str, text: str, faults: list[Fault]) -> tuple[Pattern, ...]:
    """One a line, or separated by commas or semicolons."""
    patterns: list[Pattern] = []
    written = [one for one in re.split(r"[,;\r\n]", text) if one.strip()]
    for one in written:
        try:
            patterns.append(Pattern.parse(one))
        except InvalidValue as exc:
            faults.append(unusable(field, str(exc)))
    if text and not written:
        # Whoever writes something there wants a limit; taken for nothing, it would be none.
        faults.append(unusable(field, "there is no pattern in it such as *@example.com"))
    return tuple(patterns)


def _mailboxes(field: str, text: str, faults: list[Fault]) -> tuple[Mailbox, ...]:
    if not text:
        return ()
    try:
        mailboxes = unique(parse_list(text, field))
    except MessageError as exc:
        faults += [unusable(field, fault.text) for fault in exc.faults]
        return ()
    if not mailboxes:
        faults.append(unusable(field, "there is no address in it"))
    return mailboxes
