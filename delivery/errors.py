"""What can stand in the way of a delivery before a server is spoken to."""

from __future__ import annotations

from smtp.errors import Category, MailError


class UnusableSetting(MailError):
    """A field of the asset holds something that can't be used, as only its use shows."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(
            f"the asset's {field} can't be used: {reason}", step="asset", category=Category.CONFIGURATION
        )
