"""What became of a message: for each recipient, and over all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smtp.envelope import Address
from smtp.errors import SmtpError
from smtp.reply import Reply


class Status(StrEnum):
    """What is known of one recipient."""

    ACCEPTED = "accepted"
    """The server took responsibility for the message to this recipient."""
    REFUSED = "refused"
    """The server said no, to the recipient or to the whole message."""
    NOT_TRIED = "not tried"
    """The message did not get as far as being judged for this recipient; it was not sent."""
    UNKNOWN = "unknown"
    """The message may have been delivered: it was complete, and the answer to it is missing."""


class Outcome(StrEnum):
    SENT = "sent"
    PARTLY_SENT = "partly sent"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RecipientDelivery:
    """One recipient's part. `reply` is the one that decided it, None where the server said nothing."""

    address: Address
    status: Status
    reply: Reply | None
    retryable: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """The truth about one message. `reply` is the one to the complete message; `failure` says why not all is well."""

    recipients: tuple[RecipientDelivery, ...]
    reply: Reply | None = None
    failure: SmtpError | None = None

    @property
    def outcome(self) -> Outcome:
        statuses = {recipient.status for recipient in self.recipients}
        if statuses == {Status.ACCEPTED}:
            return Outcome.SENT
        if Status.ACCEPTED in statuses:
            return Outcome.PARTLY_SENT
        return Outcome.UNKNOWN if Status.UNKNOWN in statuses else Outcome.NOT_SENT

    def count(self, status: Status) -> int:
        return sum(recipient.status is status for recipient in self.recipients)


def not_sent(addresses: tuple[Address, ...], failure: SmtpError) -> Delivery:
    """The delivery of a message that never got to the server."""
    return Delivery(
        tuple(RecipientDelivery(a, Status.NOT_TRIED, None, failure.retryable) for a in addresses),
        None,
        failure,
    )


def joined(first: Delivery, second: Delivery) -> Delivery:
    """One message that took two transactions."""
    return Delivery(
        first.recipients + second.recipients, second.reply or first.reply, second.failure or first.failure
    )
