"""What follows from how a mail of a durable run ended: is that its end, or is it tried again, when, and for whom?

Only what certainly was not sent is tried again: a mail that was not sent, or the recipients of one that were refused
for a while, where whoever reported it says that the same may succeed later. Everything else is final.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.contract import KEY, Report
from delivery.errors import PACE

WAITS: Sequence[float] = (60.0, 300.0, 900.0, 3600.0)
"""Seconds before the second, third, … try. There is one try more than these."""
JITTER = 0.2
"""Each wait is longer or shorter by up to this part of it, so that mails that failed together spread."""
HELD_UP = 5.0
"""Seconds until a mail is tried again that could not be written down, or whose idempotency key another one has."""
MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run is tried: after `give_up_after` seconds, or if that is None after as many tries as `waits` has."""

    waits: Sequence[float] = WAITS
    give_up_after: float | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Seconds to wait for, and whether the try that ended counts as one."""

    after: float
    counts: bool


def again(report: Report, tries: int, age: float, patience: Patience) -> Again | None:
    """When a mail is to be tried again that ended so; None: never. `tries` were made before, `age` is its run's."""
    data = report.data[0] if report.data else {}
    if data.get("outcome") not in ("not sent", "partly sent") or not is_worth_it(data):
        return None
    failure = data.get("failure", {})
    if failure.get("category") == "cancelled":
        return Again(0.0, counts=False)
    if failure.get("step") in ("host", KEY):
        return Again(HELD_UP, counts=False)
    if failure.get("step") == PACE:
        return Again(float(failure.get("retry_after") or 0.0), counts=False)
    if patience.give_up_after is None and tries >= len(patience.waits):
        return None
    wait = patience.waits[min(tries, len(patience.waits) - 1)]
    seconds = wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing secret hangs on it
    if failure.get("retry_after") is not None:
        seconds = max(float(failure["retry_after"]), 0.0)
    if patience.give_up_after is not None and age + seconds > patience.give_up_after:
        return None
    return Again(seconds, counts=True)


def is_worth_it(data: Mapping[str, Any]) -> bool:
    """Whether some recipient may get it later; of a mail that came to none, whether the mail may."""
    if data.get("recipients"):
        return bool(left(data))
    failure = data.get("failure", {})
    return bool(failure.get("retryable")) or failure.get("step") == "host"


def left(data: Mapping[str, Any]) -> frozenset[str]:
    """The addresses that a later try concerns."""
    is_host = data.get("failure", {}).get("step") == "host"
    return frozenset(
        one["address"]
        for one in data["recipients"]
        if one["status"] in ("refused", "not tried") and (one["retryable"] or is_host)
    )


def joined(earlier: Mapping[str, Any] | None, report: Report) -> Report:
    """The report of a try together with what the tries before it came to: each recipient as it is known by now."""
    before = earlier["data"][0]["recipients"] if earlier and earlier["data"] else []
    if not before or not report.data:
        return report
    data = report.data[0]
    latest = {one["address"]: one for one in data["recipients"]}
    recipients = [latest.pop(one["address"], one) for one in before]
    recipients += latest.values()
    known = told_of(recipients)
    outcome, message = known or (data["outcome"], report.message)
    told = {**data, "outcome": outcome, "recipients": recipients}
    for name in ("sender", "message_id"):
        told[name] = told[name] or earlier["data"][0][name] if earlier else told[name]
    if outcome == "sent":
        told.pop("failure", None)
    return Report(known is not None, message, [told], summary_of(recipients))


def told_of(recipients: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Outcome and message of a mail that some of these have; None: nobody has it."""
    accepted = sum(one["status"] == "accepted" for one in recipients)
    if not accepted:
        return None
    if accepted == len(recipients):
        return "sent", "Email sent"
    return (
        "partly sent",
        f"Email sent to {accepted} of {len(recipients)} recipients; {_the_others(recipients)}",
    )


def summary_of(recipients: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """An action result's summary."""
    statuses = [one["status"] for one in recipients]
    return {
        "recipients": len(statuses),
        "accepted": statuses.count("accepted"),
        "refused": statuses.count("refused"),
    }


def came_to_some(result: Mapping[str, Any]) -> bool:
    """Whether some recipients have a mail with this result."""
    return any(one["status"] == "accepted" for data in result["data"] for one in data["recipients"])


def _the_others(recipients: Sequence[Mapping[str, Any]]) -> str:
    """The recipients that were not accepted, by status, with the reply to each."""
    parts = []
    for status in ("refused", "not tried", "unknown"):
        named = [_with_reply(one) for one in recipients if one["status"] == status]
        if len(named) > MAX_NAMED:
            named = [*named[:MAX_NAMED], f"and {len(named) - MAX_NAMED} more"]
        if named:
            parts.append(f"{status}: {', '.join(named)}")
    return "; ".join(parts)


def _with_reply(one: Mapping[str, Any]) -> str:
    reply = " ".join(str(part) for part in (one["code"], one["enhanced_code"], one["reply"]) if part)
    return f"{one['address']} ({reply})" if reply else str(one["address"])
