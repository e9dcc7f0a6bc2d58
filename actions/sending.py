"""What the sends share: a message of which everything is checked, a session, the delivery, and the report of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from actions import reports
from actions.transport import transport
from actions.watched import watched
from host.contract import ActionError, Asset, Context, Report, no_delivery
from message.addresses import unique
from message.compose import Message, compose
from message.draft import Addressing, Defaults, Draft
from smtp.delivery import Delivery, Status
from smtp.envelope import Address
from smtp.session import Session

T = TypeVar("T")

UNVERIFIED = (
    "verify_server_cert is off: whoever is between here and the server can read and change this mail."
)


class Outgoing(Protocol):
    """A message of which everything is checked, before it is known what the server can take."""

    @property
    def sender(self) -> Address: ...

    @property
    def recipients(self) -> tuple[Address, ...]: ...

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """The message for a server that can or can't do 8BITMIME and SMTPUTF8. Raises `MessageError`."""


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
    return Defaults(asset.sender_address, asset.username, asset.encoding)


class Drafted:
    """A draft as an outgoing message."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.sender = draft.sender.address
        self.recipients = tuple(mailbox.address for mailbox in unique((*draft.to, *draft.cc, *draft.bcc)))

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        return compose(self._draft, eight_bit=eight_bit, smtputf8=smtputf8)


def checked(make: Callable[[], T]) -> T:
    """What `make` returns. What it finds wrong ends the action before anything is connected: `ActionError`."""
    try:
        return make()
    except reports.EXPECTED as exc:
        data = no_delivery() | {"failure": reports.failure_data(exc)}
        text = f"Nothing was sent: {reports.explained(exc)}"
        raise ActionError(Report(False, text, [data], reports.summary(Delivery(())))) from exc


def send(context: Context, outgoing: Outgoing) -> Report:
    """Send one message. Whatever stands in the way becomes the report."""
    started = time.monotonic()
    line = transport(context)
    facts = no_delivery() | {"sender": str(outgoing.sender), "server": line.server}
    try:
        message = composed(context, outgoing, line.session())
        delivery = line.send(message.envelope, watched(message.content, context.sent))
    except reports.EXPECTED as exc:
        return _nothing_sent(exc, outgoing, facts | line.facts(), started)
    facts |= line.facts() | _message_facts(context, message)
    facts |= {
        "outcome": delivery.outcome.value,
        "recipients": [reports.recipient_data(recipient) for recipient in delivery.recipients],
        "server_reply": str(delivery.reply) if delivery.reply else "",
        "queue_id": reports.queue_id(delivery.reply),
        "duration_ms": _milliseconds(started),
    }
    if delivery.failure is not None:
        facts["failure"] = reports.failure_data(delivery.failure)
    success = delivery.count(Status.ACCEPTED) > 0
    return Report(success, reports.told(delivery, line.server), [facts], reports.summary(delivery))


def composed(context: Context, outgoing: Outgoing, session: Session) -> Message:
    """The message as this server can take it."""
    return outgoing.compose(
        eight_bit="8BITMIME" in session.extensions,
        smtputf8=context.asset.allow_smtputf8 and "SMTPUTF8" in session.extensions,
    )


def _nothing_sent(error: Exception, outgoing: Outgoing, facts: dict[str, Any], started: float) -> Report:
    failure = reports.failure_data(error)
    facts |= {
        "recipients": reports.not_tried(outgoing.recipients, retryable=failure["retryable"]),
        "duration_ms": _milliseconds(started),
        "failure": failure,
    }
    text = f"Nothing was sent: {reports.explained(error)}"
    summary = {"recipients": len(outgoing.recipients), "accepted": 0, "refused": 0}
    return Report(False, text, [facts], summary)


def _message_facts(context: Context, message: Message) -> dict[str, Any]:
    warnings = list(message.warnings)
    if not context.asset.verify_server_cert and context.asset.ssl_config != "None":
        warnings.append(UNVERIFIED)
    return {
        "message_id": message.message_id,
        "size": message.content.size,
        "attachments": [
            {"vault_id": a.vault_id, "name": a.name, "size": a.size, "sha256": a.sha256}
            for a in message.attachments
        ],
        "warnings": warnings,
    }


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
