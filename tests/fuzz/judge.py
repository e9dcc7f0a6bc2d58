"""What may be said of a message, worked out from what was said in answer to what, reply by reply, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from smtp.outcome import Delivery, Status
from tests.fuzz.peer import Heard, Peer


@dataclass(slots=True)
class Answered:
    """A command and the code of its reply: None if there was none, or if it was read before the command was written."""

    heard: Heard
    code: int | None

    def is_of(self, *digits: int) -> bool:
        return self.code is not None and self.code // 100 in digits


@dataclass(slots=True)
class Tried:
    """One transaction, as the server heard it. `dismissed`: a 421 was said, up to the end of it or behind it."""

    mail: Answered
    recipients: dict[str, Answered] = field(default_factory=dict)
    data: Answered | None = None
    end: Answered | None = None
    dismissed: bool = False

    def accepted(self, address: str) -> bool:
        asked_for = self.data is None or self.data.code == 354
        end = self.end is not None and self.end.is_of(2)
        return self.mail.is_of(2) and self.recipients[address].is_of(2) and asked_for and end

    def may_have_accepted(self, address: str) -> bool:
        """The message was complete, and no reply says that it was not taken for this recipient."""
        if self.end is None or self.mail.is_of(4, 5) or self.recipients[address].is_of(4, 5):
            return False
        return not (self.end.is_of(4, 5) or self.dismissed)


def disagreements(peer: Peer, deliveries: Sequence[Delivery]) -> Iterator[str]:
    """In words, wherever a delivery says something that the dialogue rules out."""
    tried = _transactions(peer)
    for number, delivery in enumerate(deliveries, start=1):
        for recipient in delivery.recipients:
            address = str(recipient.address)
            mine = [one for one in tried if address in one.recipients]
            claim = f"message {number} to {address} is {recipient.status}"
            if recipient.status is Status.ACCEPTED and not any(one.accepted(address) for one in mine):
                yield f"{claim}, and no reply says so"
            if recipient.status in (Status.REFUSED, Status.NOT_TRIED) and any(
                one.may_have_accepted(address) for one in mine
            ):
                yield f"{claim}, and it was complete without a refusal"
            if recipient.status is Status.UNKNOWN and not any(one.end for one in mine):
                yield f"{claim}, and it was never complete"
            if any(one.may_have_accepted(address) for one in mine[:-1]):
                yield f"{claim}, and it was sent again after it may have been accepted"


def _transactions(peer: Peer) -> list[Tried]:
    codes, found = peer.replies.codes, list[Tried]()
    current: Tried | None = None
    for index, heard in enumerate(peer.heard):
        is_early = heard.early > index
        answered = Answered(heard, codes[index] if index < len(codes) and not is_early else None)
        if heard.verb == "MAIL":
            current = Tried(answered)
            found.append(current)
        elif current is not None and heard.verb == "RCPT":
            current.recipients[heard.line.decode()[9:-1]] = answered
        elif current is not None and heard.verb == "DATA":
            current.data = answered
        elif current is not None and heard.verb in ("END", "LAST"):
            current.end = answered
            current.dismissed = 421 in codes[: index + 1]
            current = None
        elif heard.verb in ("RSET", "EHLO"):
            current = None
    return found
