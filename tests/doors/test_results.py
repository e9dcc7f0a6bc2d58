"""What a result says to a person: an exit code that tells what to do next, and lines that can be read."""

from __future__ import annotations

from typing import Any

import pytest

from doors.cli import results

MARKS = {"sent": "✓", "partly sent": "!", "not sent": "✗", "unknown": "✗"}


def result(outcome: str, message: str = "", warnings: tuple[str, ...] = ()) -> dict[str, Any]:
    good = {
        "address": "jane@example.com",
        "status": "accepted",
        "code": 250,
        "enhanced_code": "",
        "reply": "Ok",
    }
    bad = {
        "address": "x@example.com",
        "status": "refused",
        "code": 550,
        "enhanced_code": "5.1.1",
        "reply": "no such user",
    }
    data = {
        "outcome": outcome,
        "recipients": {"sent": [good], "partly sent": [good, bad]}.get(outcome, [bad]),
        "message_id": "<1@example.com>",
        "size": 12_345,
        "queue_id": "4XYZ",
        "server": "mail.example.com:587",
        "tls_version": "TLSv1.3",
        "auth_method": "Basic",
        "auth_mechanism": "PLAIN",
        "warnings": list(warnings),
    }
    success = outcome in ("sent", "partly sent")
    return {"status": "success" if success else "failed", "message": message or outcome, "data": [data]}


def document(*outcomes: str, **fields: Any) -> dict[str, Any]:
    each = [result(outcome) for outcome in outcomes]
    failed = any(one["status"] != "success" for one in each)
    return {"status": "failed" if failed else "success", "message": "", "result_data": each, **fields}


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("sent",), 0),
        (("not sent",), 1),
        (("partly sent",), 3),
        (("unknown",), 4),
        (("sent", "partly sent"), 3),
        (("sent", "partly sent", "not sent"), 1),
        (("not sent", "unknown", "sent"), 4),
    ],
)
def test_the_exit_code_is_the_worst_of_what_became_of_the_mails(outcomes: tuple[str, ...], code: int) -> None:
    assert results.exit_code(document(*outcomes)) == code


def test_a_run_that_failed_without_a_result_is_not_sent() -> None:
    assert results.exit_code(document(status="failed", message="The run was interrupted.")) == 1


def test_an_action_without_outcomes_is_judged_by_its_status() -> None:
    each = [{"status": status, "message": "m", "data": []} for status in ("success", "failed")]
    assert results.exit_code(document(result_data=each[:1])) == 0
    assert results.exit_code(document(status="failed", result_data=each)) == 1


@pytest.mark.parametrize("outcome", MARKS)
def test_a_readable_result_has_a_line_for_each_recipient(outcome: str) -> None:
    head, *lines = results.readable(document(outcome))
    assert head == f"{MARKS[outcome]} {outcome}"
    for recipient in document(outcome)["result_data"][0]["data"][0]["recipients"]:
        (line,) = (line for line in lines if recipient["address"] in line)
        assert line.split()[0] == recipient["status"]
        assert recipient["reply"] in line
    assert "  <1@example.com>, 12,345 octets, 4XYZ" in lines
    assert "  mail.example.com:587, TLSv1.3, Basic PLAIN" in lines


def test_failures_warnings_and_the_summary_of_a_batch_are_for_standard_error() -> None:
    batch = document("sent", "partly sent", "not sent", "unknown")
    for one in batch["result_data"]:
        one["data"][0]["warnings"] = ["look out"]
    assert list(results.failures(batch)) == ["2 of 4: partly sent", "3 of 4: not sent", "4 of 4: unknown"]
    assert list(results.warnings(batch)) == ["look out"]
    assert results.summary(batch) == "4 parameter sets: 1 sent, 1 partly sent, 1 not sent, 1 unknown."
    assert results.summary(document("sent")) == ""


def test_only_so_many_recipients_of_a_message_are_named() -> None:
    many = document("sent")
    many["result_data"][0]["data"][0]["recipients"] *= results.MOST_NAMED + 7
    lines = list(results.readable(many))
    assert sum("jane@example.com" in line for line in lines) == results.MOST_NAMED
    assert "  … and 7 more" in lines
