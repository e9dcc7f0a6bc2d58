"""What became of a message: for each recipient, and over all."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from smtp.envelope import Address
from smtp.errors import Refused, SmtpError, Step
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


class RecipientDelivery(NamedTuple):
    """One recipient's part. `reply` is the one that decided it, None where the server said nothing."""

    address: Address
    status: Status
    reply: Reply | None
    retryable: bool
    elsewhere: bool = False
    """Nothing was sent to it for the connection's sake alone, and another connection can do better at once."""


class Delivery(NamedTuple):
    """The truth about one message. `reply` is the one to the complete message; `failure` says why not all is well."""

    recipients: tuple[RecipientDelivery, ...]
    reply: Reply | None = None
    failure: SmtpError | None = None

    @property
    def outcome(self) -> Outcome:
        statuses = [recipient.status for recipient in self.recipients]
        if accepted := statuses.count(Status.ACCEPTED):
            return Outcome.SENT if accepted == len(statuses) else Outcome.PARTLY_SENT
        return Outcome.UNKNOWN if Status.UNKNOWN in statuses else Outcome.NOT_SENT

    @property
    def elsewhere(self) -> tuple[Address, ...]:
        """Who has to get the message over another connection: an envelope for them goes there as a whole.

        There is none of them unless this connection had served before, or something was learned on it that the
        next one will heed. So whoever goes on with them, connection by connection, comes to an end.
        """
        return tuple([recipient.address for recipient in self.recipients if recipient.elsewhere])

    def continued(self, rest: Delivery) -> Delivery:
        """This delivery with `rest`, the one to those `elsewhere` over another connection, in their places."""
        others = iter(rest.recipients)
        recipients = tuple(next(others) if one.elsewhere else one for one in self.recipients)
        return Delivery(recipients, rest.reply or self.reply, self._why_not_all(rest))

    def _why_not_all(self, rest: Delivery) -> SmtpError | None:
        """Why somebody has not got it, once `rest` is known: a doubt goes before a refusal."""
        left = [one for one in self.recipients if not one.elsewhere and one.status is not Status.ACCEPTED]
        in_doubt = any(one.status is Status.UNKNOWN for one in left)
        if not left or (rest.failure is not None and not in_doubt):
            return rest.failure
        said = next((one.reply for one in left if one.status is Status.REFUSED), None)
        if in_doubt or said is None or isinstance(self.failure, Refused):
            return self.failure
        # The end of the connection stood in the way of the others alone.
        return Refused(f"the server refused a recipient: {said}", step=Step.RCPT, reply=said)

    def count(self, status: Status) -> int:
        return [recipient.status for recipient in self.recipients].count(status)


def not_sent(addresses: tuple[Address, ...], failure: SmtpError, *, elsewhere: bool = False) -> Delivery:
    """The delivery of a message that never got to the server."""
    status, retryable = Status.NOT_TRIED, failure.retryable
    return Delivery(
        tuple(RecipientDelivery(a, status, None, retryable, elsewhere) for a in addresses), None, failure
    )
