"""What the sends share: a message's addressing and defaults, and the report of what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions import report as reports
from actions.contract import Context, Report
from delivery.asset import Asset
from delivery.attempt import Attempt, Outgoing
from delivery.transport import Transport
from delivery.window import deliver
from message.draft import Addressing, Defaults


def addressing(values: Mapping[str, Any]) -> Addressing:
    """The parameters that `send email` and `send htmlemail` share."""
    return Addressing(
        to=values.get("to"),
        sender=values.get("from"),
        cc=values.get("cc"),
        bcc=values.get("bcc"),
        subject=values.get("subject"),
        headers=values.get("headers"),
    )


def defaults(asset: Asset) -> Defaults:
    """What the asset says about messages."""
    if asset.sender_address.strip():
        return Defaults(asset.sender_address, "sender_address", not asset.encoding)
    sender = asset.username if "@" in asset.username else ""
    return Defaults(sender, "username", not asset.encoding)


def send(outgoing: Outgoing, transport: Transport, context: Context) -> Report:
    """Send one message. What stands in the way, and was foreseen, becomes the report."""
    (attempt,) = deliver(transport, context, [Attempt(outgoing)])
    return reports.report(attempt, context.asset)
