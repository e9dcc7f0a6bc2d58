"""How long each step of a run took: time is booked to what it was spent on."""

from __future__ import annotations

from doors.console.timeline import bars

TOLD = (
    {"kind": "progress", "ms": 300, "text": "Connecting to mail.example.com:587."},
    {"kind": "progress", "ms": 340, "text": "Connected to 192.0.2.1."},
    {"kind": "finished", "ms": 400, "text": "Email sent", "success": True},
    {"kind": "ended", "ms": 401, "text": ""},
)


def test_time_before_the_first_text_is_not_taken_for_connecting() -> None:
    assert [(bar.text, bar.detail, bar.ms) for bar in bars(TOLD, None)] == [
        ("Prepared", "Connecting to mail.example.com:587.", 300),
        ("Connected to 192.0.2.1.", "", 40),
        ("Result", "", 60),
    ]


def test_a_run_that_ended_before_it_told_anything_has_its_result_alone() -> None:
    ended = ({"kind": "finished", "ms": 12, "text": "Nothing was sent", "success": False},)
    assert [(bar.text, bar.ms, bar.is_failed) for bar in bars(ended, None)] == [("Result", 12, True)]


def test_bars_follow_each_other_and_fill_the_chart() -> None:
    drawn = bars(TOLD, None)
    assert [(round(bar.x), round(bar.width)) for bar in drawn] == [(0, 750), (750, 100), (850, 150)]
