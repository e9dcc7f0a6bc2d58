"""How fast a mailbox may send: who is too fast is told at once for how long to wait, and nobody hangs."""

from __future__ import annotations

from delivery.asset import Asset
from delivery.pace import Pace, Wait
from smtp.errors import Category, MailError


class TooFast(MailError):
    """The mailbox has sent its share for now; `retry_after` says when there is room again, None: not today."""

    def __init__(self, wait: Wait) -> None:
        seconds = None if wait.seconds is None else max(1, round(wait.seconds + 0.5))
        when = "later" if seconds is None else f"in {seconds} second{'s' * (seconds > 1)}"
        super().__init__(
            f"{wait.reason}; try again {when}",
            step="MAIL",
            category=Category.TEMPORARY,
            retryable=True,
            retry_after=wait.seconds,
        )


def is_limited(asset: Asset) -> bool:
    """Whether there is anything to count: an account that has limits."""
    return bool(asset.username and (asset.messages_per_minute or asset.recipients_per_day))


def take_turn(pace: Pace, asset: Asset) -> None:
    """Count one mail of an account that has limits. Raises `TooFast`, `StoreError`."""
    if is_limited(asset):
        wait = pace.turn(asset, 1)
        if wait is not None:
            raise TooFast(wait)


def with_known_pace(asset: Asset) -> Asset:
    """The asset with the messages a minute that its provider is known to allow, where it says nothing itself."""
    if asset.messages_per_minute:
        return asset
    from auth.providers.profiles import profiles

    name = asset.server.strip(".").lower()
    for profile in profiles():
        if profile.server.lower() == name and profile.limits.messages_per_minute:
            return asset._replace(messages_per_minute=profile.limits.messages_per_minute)
    return asset
