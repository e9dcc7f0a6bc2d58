"""Idempotency keys on the platform: in the asset's state, the last thousand, with what became of each mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from actions.contract import KeyInProgress, KeyOfOtherContent, Report
from auth.settings import Login
from delivery.asset import Asset
from host.soar import journal
from host.soar.journal import IN_PROGRESS_SECONDS, KEY_SECONDS, MOST_KEYS, PlatformJournal

ASSET = Asset(Login("1", "mail.example.com", 25), "None")
REFUSED = {"address": "x@example.com", "status": "refused", "code": 550}


class MemoryState:
    """An asset's state, and how often it was written."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {"oauth": {"token": "t"}}
        self.is_broken = False

    def load(self) -> dict[str, Any]:
        return dict(self.saved)

    def save(self, state: Mapping[str, Any]) -> None:
        if self.is_broken:
            raise OSError
        self.saved = dict(state)

    @contextmanager
    def lock(self, seconds: float | None = None) -> Iterator[None]:
        assert seconds is not None
        assert seconds <= 60, "a key is waited for no longer than a turn"
        yield


class Clock:
    now = 1_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(journal.time, "time", lambda: clock.now)
    return clock


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def run(state: MemoryState, told: list[str]) -> PlatformJournal:
    return PlatformJournal(state, "send_email", ASSET, told.append)


def report(outcome: str, message: str = "Email sent") -> Report:
    data = {"outcome": outcome, "message_id": "<1@example.com>", "recipients": [REFUSED], "server": "s"}
    return Report(
        outcome in ("sent", "partly sent"), message, [data], {"recipients": 2, "accepted": 1, "refused": 1}
    )


@pytest.mark.parametrize("outcome", ["sent", "partly sent", "unknown"])
def test_the_first_result_is_given_again_as_far_as_it_is_kept(run: PlatformJournal, outcome: str) -> None:
    assert run.claim(1, "key", b"content") is None
    run.finished(1, report(outcome, "Email sent" if outcome == "sent" else f"it is {outcome}"))
    again = run.claim(1, "key", b"content")
    assert again is not None
    assert (again.success, again.message) == (
        outcome != "unknown",
        "Email sent" if outcome == "sent" else f"it is {outcome}",
    )
    (data,) = again.data
    assert (data["outcome"], data["message_id"], data["recipients"], data["repeated"]) == (
        outcome,
        "<1@example.com>",
        [REFUSED],
        True,
    )
    assert data["server"] == "s", "whichever of the asset's servers it was"
    assert again.summary == {"recipients": 2, "accepted": 1, "refused": 1}


def test_another_content_is_refused_before_and_after_it_was_sent(run: PlatformJournal) -> None:
    run.claim(1, "key", b"content")
    with pytest.raises(KeyOfOtherContent):
        run.claim(2, "key", b"other")
    run.finished(1, report("sent"))
    with pytest.raises(KeyOfOtherContent):
        run.claim(2, "key", b"other")


def test_it_is_in_progress_for_a_while_and_then_unknown(run: PlatformJournal, clock: Clock) -> None:
    run.claim(1, "key", b"content")
    clock.now += IN_PROGRESS_SECONDS
    with pytest.raises(KeyInProgress):
        run.claim(2, "key", b"content")
    clock.now += 1
    again = run.claim(2, "key", b"content")
    assert again is not None
    assert (again.success, again.data[0]["outcome"]) == (False, "unknown")
    assert "may have been delivered" in again.message


def test_a_mail_that_was_not_sent_leaves_its_key(run: PlatformJournal) -> None:
    run.claim(1, "key", b"content")
    run.finished(1, report("not sent"))
    assert run.claim(1, "key", b"other") is None


def test_a_key_is_one_actions_own_and_of_thirty_days(
    run: PlatformJournal, state: MemoryState, told: list[str], clock: Clock
) -> None:
    run.claim(1, "key", b"content")
    run.finished(1, report("sent"))
    assert PlatformJournal(state, "send_htmlemail", ASSET, told.append).claim(1, "key", b"other") is None
    clock.now += KEY_SECONDS + 1
    assert run.claim(1, "key", b"other") is None


def test_the_last_thousand_are_kept_and_what_else_is_in_the_state_stays(
    run: PlatformJournal, state: MemoryState
) -> None:
    for number in range(MOST_KEYS + 5):
        run.claim(1, f"key {number}", b"content")
        run.finished(1, report("sent"))
    assert len(state.saved["idempotency"]["keys"]) == MOST_KEYS
    assert run.claim(1, "key 5", b"content") is not None
    assert run.claim(1, "key 4", b"content") is None
    assert state.saved["oauth"] == {"token": "t"}
    assert "key 5" not in str(state.saved)


def test_a_result_that_cannot_be_remembered_is_told_and_stands(
    run: PlatformJournal, state: MemoryState, told: list[str]
) -> None:
    run.claim(1, "key", b"content")
    state.is_broken = True
    run.finished(1, report("sent"))
    assert told == ["What became of the mail with this idempotency_key could not be remembered (OSError)."]
