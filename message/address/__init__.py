"""Addresses: lists of mailboxes as people write them, and internationalised domain names.

Few domains are other than ASCII, so what deals with those is loaded when it is first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from message.address.domains import a_label, has_invisible, looks_like_another

__all__ = ["a_label", "has_invisible", "looks_like_another"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from message.address import domains

    return getattr(domains, name)
