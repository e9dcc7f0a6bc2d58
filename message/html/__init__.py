"""HTML bodies: recognised, sanitised, rendered as text, searched for references.

A plain mail needs none of it, so it is loaded when it is first used (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from message.html.images import Images
    from message.html.sanitise import Sanitised, content_ids, is_html, sanitize, to_text

__all__ = ["Images", "Sanitised", "content_ids", "is_html", "sanitize", "to_text"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Images":
        from message.html import images

        return images.Images
    from message.html import sanitise

    return getattr(sanitise, name)
