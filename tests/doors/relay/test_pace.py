"""A mailbox's mails a minute: a burst, then one at a time, and the seconds to wait."""

from __future__ import annotations

import pytest

from doors.relay.pace import Pace, TooFast, pace_of


def test_never_more_than_a_minutes_mails_and_a_burst() -> None:
    now = 0.0
    pace = Pace(30, lambda: now)
    sent = []
    for step in range(1200):
        now = step / 10
        try:
            pace.take()
            sent.append(now)
        except TooFast:
            pass
    assert len([one for one in sent if one == 0.0]) <= 5
    for start in range(60):
        assert len([one for one in sent if start <= one < start + 60]) <= 35
    assert len(sent) >= 60


def test_who_is_too_fast_is_told_for_how_long() -> None:
    now = 0.0
    pace = Pace(30, lambda: now)
    for _ in range(5):
        pace.take()
    with pytest.raises(TooFast) as refused:
        pace.take()
    assert refused.value.retry_after is not None
    assert 0 < refused.value.retry_after <= 2
    now = refused.value.retry_after + 0.001
    pace.take()


def test_a_slow_mailbox_still_sends() -> None:
    now = 0.0
    pace = Pace(1, lambda: now)
    pace.take()
    with pytest.raises(TooFast):
        pace.take()
    now = 60.1
    pace.take()


def test_microsofts_mailboxes_have_a_pace_and_others_none() -> None:
    assert pace_of("SMTP.office365.com.") is not None
    assert pace_of("mail.example.com") is None
