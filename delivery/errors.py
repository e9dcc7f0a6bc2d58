"""What can stand in the way of a delivery before a server is spoken to."""

from __future__ import annotations

from collections.abc import Iterable

from message.errors import Fault
from smtp.errors import Category, MailError

PACE = "pace"
"""The step of a message that waits until its account may send it."""


class UnusableSetting(MailError):
    """A field of the asset holds something that can't be used, as only its use shows."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(unusable(field, reason).text, step="asset", category=Category.CONFIGURATION)


class UnusableSettings(MailError):
    """Fields of the asset that say what becomes of its mails can't be used. `faults` has one for each."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)), step="asset", category=Category.CONFIGURATION)


def unusable(field: str, reason: str) -> Fault:
    """What is said of a field of the asset that can't be used."""
    return Fault("", f"the asset's {field} can't be used: {reason}", is_of_account=True)


class NoTurn(MailError):
    """The account may send no more for now. `seconds` says for how long; None: such a message it may never send."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(
            f"it was not its turn: {reason}",
            step=PACE,
            category=Category.TEMPORARY if seconds is not None else Category.CONFIGURATION,
            retryable=seconds is not None,
            retry_after=seconds,
        )
