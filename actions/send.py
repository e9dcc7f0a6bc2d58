"""What the sends share: a message of which everything is checked, a session, the delivery, and the report of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from actions import report as reports
from actions.contract import ActionError, Asset, Context, Report, no_delivery
from delivery.transport import transport
from delivery.window import Flight, Outgoing, flights
from message.compose import Message
from message.draft import Addressing, Defaults
from smtp.outcome import Delivery, Outcome, Status


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


def unverified(asset: Asset) -> tuple[str, ...]:
    """The warning that belongs to a connection of which nobody knows where it ends."""
    if asset.verify_server_cert or asset.ssl_config == "None":
        return ()
    return (
        "verify_server_cert is off: whoever is between here and the server can read and change this mail.",
    )


@contextmanager
def checking() -> Iterator[None]:
    """What is found wrong inside ends the action before anything is connected: `ActionError`."""
    try:
        yield
    except reports.EXPECTED as exc:
        data = no_delivery() | {"failure": reports.failure_data(exc)}
        text = f"Nothing was sent: {reports.explained(exc)}"
        raise ActionError(Report(False, text, [data], reports.summary(Delivery(())))) from exc


def send(context: Context, outgoing: Outgoing) -> Report:
    """Send one message. Whatever stands in the way becomes the report."""
    (report,) = tuple(send_many(context, (outgoing,)))
    return report


def send_many(context: Context, outgoings: Iterable[Outgoing]) -> Iterator[Report]:
    """Send messages, several of them in flight at once. The reports are in their order, and as true as `send`'s."""
    line = transport(context)
    for flight in flights(context, line, outgoings):
        yield _report(context, line.server, flight)


def _report(context: Context, server: str, flight: Flight) -> Report:
    facts = no_delivery() | {"sender": str(flight.outgoing.sender), "server": server} | flight.facts
    facts["warnings"] = list(unverified(context.asset))
    facts["duration_ms"] = round((time.monotonic() - flight.started) * 1000)
    if flight.error is not None:
        return _nothing_sent(flight.error, flight.outgoing, facts)
    message, delivery = flight.message, flight.delivery
    assert message is not None and delivery is not None  # noqa: S101, PT018 - it has landed
    facts |= _message_facts(context, message)
    facts |= {
        "outcome": delivery.outcome.value,
        "recipients": [reports.recipient_data(recipient) for recipient in delivery.recipients],
        "server_reply": reports.server_reply(delivery),
        "queue_id": reports.queue_id(delivery.reply),
    }
    if delivery.failure is not None:
        facts["failure"] = reports.failure_data(delivery.failure)
        if delivery.outcome is Outcome.UNKNOWN:
            # Whatever the error by itself would allow: a second try could make a second mail.
            facts["failure"] |= {"retryable": False, "retry_after": None}
    success = delivery.count(Status.ACCEPTED) > 0
    return Report(success, reports.told(delivery, server), [facts], reports.summary(delivery))


def _nothing_sent(error: Exception, outgoing: Outgoing, facts: dict[str, Any]) -> Report:
    failure = reports.failure_data(error)
    facts |= {
        "recipients": reports.not_tried(outgoing.recipients, retryable=failure["retryable"]),
        "failure": failure,
    }
    text = reports.stopped("Nothing was sent", error, facts["server"])
    summary = {"recipients": len(outgoing.recipients), "accepted": 0, "refused": 0}
    return Report(False, text, [facts], summary)


def _message_facts(context: Context, message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "size": message.content.size,
        "attachments": [
            {"vault_id": a.vault_id, "name": a.name, "size": a.size, "sha256": a.sha256}
            for a in message.attachments
        ],
        "warnings": [*message.warnings, *unverified(context.asset)],
    }
