"""Pages from templates: everything that is shown is escaped, and what is missing is a mistake that a test finds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from doors.console.explained import linked

FOLDER = Path(__file__).parent
SAID = {
    "asset-saved": "The asset was saved.",
    "asset-removed": "The asset and what was remembered for it were removed.",
    "file-added": "The file is in the vault.",
    "file-removed": "The file was removed from the vault.",
    "inbox-cleared": "The inbox is empty.",
    "chaos-set": "The catcher will do so from the next mail on.",
    "resolved": "It was written down what became of the mail.",
    "sent-again": "It was written down, and the mail waits to be sent again.",
    "user-added": "The user was added.",
    "user-changed": "The user was changed; sessions of a changed password have ended.",
    "user-removed": "The user was removed, and signed out everywhere.",
    "token-removed": "The token was removed; it opens nothing any more.",
    "approved": "The agent may send that mail, once, within the hour.",
    "refused": "The agent may not send that mail.",
    "paused": "The run waits; what was begun is sent yet.",
    "resumed": "The run goes on.",
    "stopping": "The run was asked to stop. What was sent already stays sent.",
    "signed-out": "You are signed out.",
}
"""What a page says about what was just done; only these can be said through an address."""


_HALF = re.compile(r"[\ud800-\udfff]")


def render(template: str, **values: Any) -> str:
    """The page of that template. Half a character, which JSON can hold and UTF-8 can't, is shown as �."""
    return _HALF.sub("�", _environment().get_template(template).render(**values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["linked"] = linked
    environment.filters["plain"] = plain
    environment.filters["when"] = when
    environment.filters["size"] = size
    environment.filters["duration"] = duration
    return environment


def when(timestamp: str) -> Markup:
    """`2026-01-31T08:00:00.123456Z` as people read it; the script makes it their own time."""
    if not timestamp:
        return Markup("")
    shown = f"{timestamp[:10]} {timestamp[11:19]} UTC"
    return Markup('<time datetime="{}">{}</time>').format(escape(timestamp), shown)


def plain(value: Any) -> str:
    """Names and values of a nested object as people read them; what is empty is left out."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {told}" for name, one in value.items() if (told := plain(one)))
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(plain, value)))
    return str(value) if value not in (None, "") else ""


def size(octets: int) -> str:
    """Octets as people read them."""
    if octets < 1000:
        return f"{octets} B"
    amount = float(octets)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5 or unit == "GB":
            break
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def duration(ms: float) -> str:
    """Milliseconds as people read them."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else f"{ms // 60_000:.0f} min {ms % 60_000 / 1000:.0f} s"
