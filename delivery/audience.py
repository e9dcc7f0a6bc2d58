"""The asset's fields that say whom it may write to, as rules for messages."""

from __future__ import annotations

import re
from functools import lru_cache

from delivery.asset import Asset
from delivery.errors import UnusableSetting
from message.address.mailbox import Mailbox, parse_list, unique
from message.audience import EVERYBODY, Audience, Pattern
from message.errors import MessageError
from smtp.errors import InvalidValue


def audience(asset: Asset) -> Audience:
    """Return what the asset's fields ask for. Raises `UnusableSetting` naming the field that can't be used."""
    return _audience(
        asset.allowed_recipients, asset.denied_recipients, asset.max_recipients, asset.redirect_to
    )


@lru_cache(16)
def _audience(allowed: str, denied: str, most: int | None, redirect_to: str) -> Audience:
    if not (allowed or denied or most or redirect_to):
        return EVERYBODY
    return Audience(
        _patterns("allowed_recipients", allowed),
        _patterns("denied_recipients", denied),
        most,
        _mailboxes("redirect_to", redirect_to),
    )


def _patterns(field: str, text: str) -> tuple[Pattern, ...]:
    """One a line, or separated by commas or semicolons."""
    if not text:
        return ()
    try:
        patterns = tuple(Pattern.parse(one) for one in re.split(r"[,;\r\n]", text) if one.strip())
    except InvalidValue as exc:
        raise UnusableSetting(field, str(exc)) from exc
    if not patterns:
        # Whoever writes something there wants a limit; taken for nothing, it would be none.
        raise UnusableSetting(field, "there is no pattern in it such as *@example.com")
    return patterns


def _mailboxes(field: str, text: str) -> tuple[Mailbox, ...]:
    if not text:
        return ()
    try:
        mailboxes = unique(parse_list(text, field))
    except MessageError as exc:
        raise UnusableSetting(field, str(exc)) from exc
    if not mailboxes:
        raise UnusableSetting(field, "there is no address in it")
    return mailboxes
