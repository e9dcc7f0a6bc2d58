"""How far a durable run has come, how fast it goes, and how long it will take."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from host.local.files import as_time, timestamp
from host.local.tables import MailRow, RunRow

WINDOW = 60.0
"""Seconds over which the rate is taken."""
FINAL = ("sent", "partly sent", "not sent", "unknown", "cancelled")
"""States of a mail that has ended."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`counts` are the mails of each state. `rate` is in mails a minute, `seconds_left` None where nobody can say."""

    total: int
    done: int
    counts: dict[str, int]
    rate: float
    seconds_left: float | None


def progress_of(session: Session, number: int) -> Progress:
    """Of the run of this number."""
    by_state = select(MailRow.state, func.count()).where(MailRow.run_id == number).group_by(MailRow.state)
    counts = {row[0]: row[1] for row in session.execute(by_state)}
    total = sum(counts.values())
    open_ones = sum(counts.get(state, 0) for state in ("waiting", "claimed", "committed"))
    run = session.get_one(RunRow, number)
    rate = _rate(session, run, total - open_ones)
    is_going = run.state == "running" and open_ones > 0 and rate > 0
    return Progress(
        total,
        total - open_ones,
        counts,
        round(rate, 1),
        round(open_ones / rate * 60, 1) if is_going else None,
    )


def _rate(session: Session, run: RunRow, done: int) -> float:
    """Mails a minute: lately, or of one that has ended over its whole time."""
    if run.end_time:
        return done / max(_seconds(run.start_time, run.end_time), 0.001) * 60
    latest = select(func.count()).where(
        MailRow.run_id == run.id,
        MailRow.state.in_(FINAL),  # only so is it read from an index
        MailRow.finished_at > timestamp(days_ago=WINDOW / 86_400),
    )
    seconds = min(max(_seconds(run.start_time, timestamp()), 0.001), WINDOW)
    return (session.scalar(latest) or 0) / seconds * 60


def _seconds(start: str, end: str) -> float:
    return (as_time(end) - as_time(start)).total_seconds()
