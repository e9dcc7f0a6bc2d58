"""Addresses: lists of mailboxes as people write them, and internationalised domain names.

What few addresses need is loaded when it is first used (PEP 562): domains other than ASCII, encoded names, and what
to make of an entry that breaks the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from message.address.domains import a_label, has_invisible, looks_like_another
    from message.address.names import decoded
    from message.address.pasted import proposals, understood, with_comma

__all__ = [
    "a_label",
    "decoded",
    "has_invisible",
    "looks_like_another",
    "proposals",
    "understood",
    "with_comma",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from message.address import domains, names, pasted

    for module in (domains, names, pasted):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
