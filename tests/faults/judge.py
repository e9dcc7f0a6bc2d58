"""What was claimed, held against what the server accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smtp.delivery import Delivery, Status
from tests.faults.messages import Message, Window
from tests.support.scripted import Log

COUNTS = ("false_sent", "false_not_sent", "duplicates", "unknown_outside_window")


@dataclass(slots=True)
class Judgement:
    """The four counts that must be zero, and in words whatever else is not as it should be."""

    counts: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not any(self.counts.values()) and not self.surprises


def judge(
    deliveries: Mapping[int, Delivery], messages: Sequence[Message], window: Window, log: Log
) -> Judgement:
    """The counts. `deliveries` is what was claimed, by message number."""
    judgement = Judgement()
    accepted: Counter[tuple[int, str]] = Counter()
    by_content = {message.octets: message for message in messages}
    for entry in log.accepted:
        known = by_content.get(entry.content)
        if known is None:
            if entry.recipients:
                judgement.surprises.append(f"the server accepted something else: {entry.content[:60]!r}")
            continue
        for address in entry.recipients:
            accepted[(known.number, address)] += 1
            if address not in known.addresses:
                judgement.surprises.append(f"message {known.number} was accepted for {address}")
    for message in messages:
        delivery = deliveries.get(message.number)
        if delivery is None or len(delivery.recipients) != len(message.addresses):
            judgement.surprises.append(f"message {message.number}: not every recipient is accounted for")
            continue
        _judge_one(judgement, message, delivery, window.is_open_for(message), accepted)
    judgement.surprises += [f"the client broke a rule: {text}" for text in log.violations]
    return judgement


def _judge_one(
    judgement: Judgement,
    message: Message,
    delivery: Delivery,
    in_window: bool,
    accepted: Counter[tuple[int, str]],
) -> None:
    for recipient in delivery.recipients:
        times = accepted[(message.number, str(recipient.address))]
        wrong = {
            "false_sent": recipient.status is Status.ACCEPTED and not times,
            "false_not_sent": recipient.status in (Status.REFUSED, Status.NOT_TRIED) and times > 0,
            "duplicates": times > 1,
            "unknown_outside_window": recipient.status is Status.UNKNOWN and not in_window,
        }
        judgement.counts.update(name for name, is_so in wrong.items() if is_so)
