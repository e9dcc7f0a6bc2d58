"""What a server offers: the keywords of its EHLO reply, compared whole, case ignored (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from smtp.reply import MAX_SHOWN, Reply
from smtp.text import showable

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# Words of visible ASCII: what could not be shown is no capability either.
_PARAMETERS = re.compile(r"[!-~ \t]*")
_MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")
_LIMIT = re.compile(r"([A-Z0-9][A-Z0-9-]*)=([0-9]{1,9})")


class Extensions:
    """An EHLO reply, parsed. Lines that are no capability are ignored."""

    def __init__(self, offered: Mapping[str, str] = MappingProxyType({})) -> None:
        self.offered: Mapping[str, str] = MappingProxyType(dict(offered))
        """The keywords, in upper case, and what follows each."""
        self.auth = frozenset(filter(_MECHANISM.fullmatch, offered.get("AUTH", "").upper().split()))
        """The SASL mechanisms (RFC 4954 section 3); words that RFC 4422 section 3.1 has no room for are left out."""
        size = offered.get("SIZE", "")
        self.size = int(size) or None if size.isascii() and size.isdigit() and len(size) <= 20 else None
        """The largest message in octets; None where it isn't said or is 0: no limit (RFC 1870 section 4)."""
        limits = map(_LIMIT.fullmatch, offered.get("LIMITS", "").upper().split())
        self.limits: Mapping[str, int] = MappingProxyType(
            {limit[1]: int(limit[2]) for limit in limits if limit and int(limit[2]) > 0}
        )
        """LIMITS (RFC 9422): MAILMAX, RCPTMAX, RCPTDOMAINMAX and whatever else has the form; zero is no limit."""

    @classmethod
    def parse(cls, reply: Reply) -> Extensions:
        """From the reply to EHLO; its first line is a greeting."""
        offered: dict[str, str] = {}
        for line in reply.lines[1:]:
            # AUTH=LOGIN was the form before the standard, and is still sent beside the right one.
            keyword, _, parameters = line.strip().partition(" ")
            if keyword.upper().startswith("AUTH="):
                keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
            if _KEYWORD.fullmatch(keyword) and _PARAMETERS.fullmatch(parameters):
                name = keyword.upper()
                offered[name] = (
                    f"{offered[name]} {parameters}".strip() if name in offered else parameters.strip()
                )
        return cls(offered)

    def __contains__(self, keyword: str) -> bool:
        return keyword.upper() in self.offered

    def __str__(self) -> str:
        """All of it in one line that is fit to be shown."""
        return showable(", ".join(self.shown), limit=MAX_SHOWN)

    @property
    def shown(self) -> tuple[str, ...]:
        """Each keyword with its parameters, fit to be shown."""
        return tuple(
            [showable(f"{name} {value}".strip(), limit=MAX_SHOWN) for name, value in self.offered.items()]
        )

    def parameters(self, keyword: str) -> str:
        """What follows the keyword, "" if nothing or if it isn't offered."""
        return self.offered.get(keyword.upper(), "")
