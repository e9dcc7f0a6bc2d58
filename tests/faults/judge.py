"""What was claimed, held against what the server accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from smtp.outcome import Delivery, Status
from tests.faults.messages import Message, Window
from tests.support.scripted import Log

COUNTS = ("false_sent", "false_not_sent", "duplicates", "unknown_outside_window")


@dataclass(slots=True)
class Judgement:
    """The four counts that must be zero, and in words whatever else is not as it should be."""

    counts: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    unknown: int = 0
    """Recipients of whom nobody knows, however rightly."""

    @property
    def is_clean(self) -> bool:
        return not any(self.counts.values()) and not self.surprises

    def __str__(self) -> str:
        counts = (f"{name}={number}" for name, number in self.counts.items() if number)
        return "; ".join([*counts, *self.surprises])


def judge(deliveries: Sequence[Delivery], messages: Sequence[Message], window: Window, log: Log) -> Judgement:
    """Hold the deliveries, one for each message and in their order, against the log."""
    judgement = Judgement()
    accepted = _accepted(judgement, messages, log)
    for message, delivery in zip(messages, deliveries, strict=True):
        addresses = tuple(str(recipient.address) for recipient in delivery.recipients)
        if addresses != message.addresses:
            judgement.surprises.append(f"message {message.number}: recipients are {addresses}")
        in_window = window.is_open_for(message)
        judgement.unknown += delivery.count(Status.UNKNOWN)
        for recipient in delivery.recipients:
            times = accepted[(message.number, str(recipient.address))]
            wrong = {
                "false_sent": recipient.status is Status.ACCEPTED and not times,
                "false_not_sent": recipient.status in (Status.REFUSED, Status.NOT_TRIED) and times > 0,
                "duplicates": times > 1,
                "unknown_outside_window": recipient.status is Status.UNKNOWN and not in_window,
            }
            judgement.counts.update(name for name, is_so in wrong.items() if is_so)
    judgement.surprises += [f"the client broke a rule: {text}" for text in log.violations]
    return judgement


def _accepted(judgement: Judgement, messages: Sequence[Message], log: Log) -> Counter[tuple[int, str]]:
    """How often the server accepted which message for whom, known by its octets."""
    accepted: Counter[tuple[int, str]] = Counter()
    by_content = {message.octets: message for message in messages}
    for entry in log.accepted:
        message = by_content.get(entry.content)
        if message is None:
            if entry.recipients:
                judgement.surprises.append(f"the server accepted something else: {entry.content[:60]!r}")
            continue
        for address in entry.recipients:
            accepted[(message.number, address)] += 1
            if address not in message.addresses:
                judgement.surprises.append(f"message {message.number} was accepted for {address}")
    return accepted
