"""What follows from how a mail ended: only what certainly was not sent is tried again, and later each time."""

from __future__ import annotations

from typing import Any

import pytest

from actions.contract import Report
from host.local.retry import JITTER, WAITS, Patience, again, joined, left


def one(address: str, status: str, retryable: bool = False) -> dict[str, Any]:
    return {
        "address": address,
        "status": status,
        "retryable": retryable,
        "code": None,
        "enhanced_code": "",
        "reply": "",
    }


def report(outcome: str, *recipients: dict[str, Any], **failure: Any) -> Report:
    data = {
        "outcome": outcome,
        "recipients": list(recipients),
        "sender": "s@example.com",
        "message_id": "<1@x>",
    }
    if failure:
        data["failure"] = failure
    return Report(outcome in ("sent", "partly sent"), outcome, [data], {})


LATER, NEVER = one("a@x", "refused", True), one("b@x", "refused")
ACCEPTED, UNKNOWN = one("c@x", "accepted"), one("d@x", "unknown")


@pytest.mark.parametrize(
    ("ended", "is_final"),
    [
        (report("sent", ACCEPTED), True),
        (report("unknown", UNKNOWN, retryable=True), True),
        (report("not sent", NEVER, retryable=False), True),
        (report("not sent", retryable=False, category="input"), True),
        (report("not sent", retryable=True, category="temporary"), False),
        (report("not sent", LATER, NEVER, retryable=False), False),
        (report("partly sent", ACCEPTED, NEVER, retryable=False), True),
        (report("partly sent", ACCEPTED, LATER, retryable=True), False),
        (report("not sent", step="host", retryable=False, category="configuration"), False),
    ],
)
def test_only_what_was_not_sent_and_may_be_later_is_tried_again(ended: Report, is_final: bool) -> None:
    assert (again(ended, 0, 0.0, Patience()) is None) == is_final


def test_it_waits_longer_each_time_and_gives_up_after_five_tries() -> None:
    ended = report("not sent", LATER, retryable=True)
    for tries, wait in enumerate(WAITS):
        found = again(ended, tries, 0.0, Patience())
        assert found is not None
        assert wait * (1 - JITTER) <= found.after <= wait * (1 + JITTER)
        assert found.counts
    assert again(ended, len(WAITS), 0.0, Patience()) is None


def test_what_the_server_says_about_when_goes_first() -> None:
    found = again(report("not sent", LATER, retryable=True, retry_after=600), 0, 0.0, Patience())
    assert found is not None
    assert found.after == 600


def test_with_a_time_to_give_up_it_is_that_and_not_the_number_of_tries() -> None:
    patience = Patience(give_up_after=10_000)
    ended = report("not sent", LATER, retryable=True)
    assert again(ended, 20, 1_000, patience) is not None
    assert again(ended, 0, 9_990, patience) is None


def test_what_is_not_the_mail_servers_doing_costs_no_try_and_waits_for_seconds_only() -> None:
    for failure in (
        {"category": "cancelled"},
        {"step": "idempotency_key", "category": "temporary"},
        {"step": "host", "category": "configuration"},  # it could not be written down
    ):
        found = again(report("not sent", retryable=True, **failure), 4, 0.0, Patience())
        assert found is not None
        assert not found.counts
        assert found.after <= 5.0


def test_those_who_have_it_or_never_will_are_left_out() -> None:
    told = report("partly sent", ACCEPTED, LATER, NEVER, UNKNOWN).data[0]
    assert left(told) == {"a@x"}


def test_the_tries_together_tell_each_recipient_as_it_is_known_by_now() -> None:
    first = report("partly sent", ACCEPTED, LATER, NEVER, retryable=True)
    earlier = {"data": first.data}
    done = joined(earlier, report("sent", one("a@x", "accepted")))
    assert [(r["address"], r["status"]) for r in done.data[0]["recipients"]] == [
        ("c@x", "accepted"),
        ("a@x", "accepted"),
        ("b@x", "refused"),
    ]
    assert (done.data[0]["outcome"], done.success) == ("partly sent", True)
    assert done.message == "Email sent to 2 of 3 recipients; refused: b@x"
    assert done.summary == {"recipients": 3, "accepted": 2, "refused": 1}


def test_one_that_is_unknown_at_last_is_not_hidden_by_those_who_have_it() -> None:
    earlier = {"data": report("partly sent", ACCEPTED, LATER).data}
    done = joined(earlier, report("unknown", one("a@x", "unknown")))
    assert (done.data[0]["outcome"], done.success) == ("partly sent", True)
    assert "unknown: a@x" in done.message
