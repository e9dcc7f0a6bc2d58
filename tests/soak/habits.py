"""Servers with habits, as long as a soak lasts: each time another run of mails, by BDAT and by DATA."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.habits import HabitCell, Mails, excess, habit_cells
from tests.faults.judge import COUNTS
from tests.faults.playing import play

AT_ONCE = 6
WAYS = ("BDAT", "DATA", "window")


@dataclass(slots=True)
class HabitAccount:
    """`unknown` counts recipients of whom nobody knows, by habit and way; `wrong` is what must not have happened."""

    rounds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What is wrong, each habit with something in doubt, and the counts."""
        doubtful = [
            f"habit: {habit}: unknown by " + "; ".join(f"{way} {unknown[way]}" for way in WAYS)
            for habit, unknown in self.unknown.items()
            if any(unknown.values())
        ]
        counts = " ".join(f"{name}={self.counts[name]}" for name in COUNTS)
        total = sum(self.unknown.values(), Counter[str]())
        unknown = f"unknown={total['BDAT']} unknown_by_data={total['DATA']} in_window={total['window']}"
        return [
            *self.wrong[:20],
            *doubtful,
            f"habits={len(self.unknown)} rounds={self.rounds} {counts} {unknown}",
        ]


def play_habits(seconds: float, seed: str) -> HabitAccount:
    """Play all habits, and again with other mails, until the time is over."""
    account, choose, until = HabitAccount(), random.Random(seed), time.monotonic() + seconds
    while not account.rounds or time.monotonic() < until:
        _play_once(account, _some_mails(choose), choose.randint(2, 50))
    return account


def _play_once(account: HabitAccount, mails: Mails, window: int) -> None:
    unknown: dict[HabitCell, int] = {}
    for cell, judgement in play(habit_cells(mails, window), AT_ONCE):
        assert isinstance(cell, HabitCell)
        unknown[cell] = judgement.unknown
        account.counts.update(judgement.counts)
        way = "window" if cell.window > 1 else "BDAT" if cell.chunking else "DATA"
        account.unknown.setdefault(cell.habit, Counter())[way] += judgement.unknown
        if not judgement.is_clean:
            account.wrong.append(f"{cell.name}, {mails}: {judgement}")
    account.wrong += [f"{line}, {mails}" for line in excess(unknown)]
    account.rounds += 1


def _some_mails(choose: random.Random) -> Mails:
    return Mails(
        count=choose.randint(12, 60),
        recipients=choose.randint(1, 4),
        first=choose.randint(0, 9),
        step=choose.randint(2, 9),
        lines=choose.choice((0, 1, 40, 2000)),
        enough=choose.randint(1, 12),
    )
