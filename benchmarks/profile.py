"""Where the time goes in a run of whole actions over one session: `python -m benchmarks.profile`, in shares by room."""

from __future__ import annotations

import cProfile
import pstats
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import mails, ours, servers

COUNT = 3000
ROOT = Path(__file__).resolve().parent.parent
SYSTEM = "the system: write, read, wait"
DISK = "SQLite, with its flushes to the disk"
OTHERS = "Python's library"
_SYSTEM_CALLS = ("'_socket.socket'", "'select.poll'")
_DATABASE = "'sqlite3.Connection'"

Function = tuple[str, int, str]


def shares() -> dict[str, float]:
    """Each room's share of the whole, the largest first; what it calls that is written in C counts as its own."""
    with servers.smtp_sink() as port:
        fields, sets = mails.asset(port, max_connections=1), mails.sets(COUNT)
        ours.run(fields, sets)
        profile = cProfile.Profile()
        profile.runcall(ours.run, fields, sets)
    stats: dict[Function, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    taken: Counter[str] = Counter()
    for function, (_, _, own_time, _, callers) in stats.items():
        if function[0] != "~":
            taken[_room(function)] += own_time
        elif any(call in function[2] for call in _SYSTEM_CALLS):
            taken[SYSTEM] += own_time
        elif _DATABASE in function[2]:
            taken[DISK] += own_time
        else:
            for caller, (_, _, time, _) in callers.items():
                taken[_room(caller)] += time
    whole = sum(taken.values())
    return {room: time / whole for room, time in taken.most_common()}


def _room(function: Function) -> str:
    """The folder of this checkout that a function lies in."""
    path = Path(function[0])
    if not path.is_relative_to(ROOT) or "site-packages" in path.parts:
        return OTHERS
    name = path.relative_to(ROOT).parts[0]
    return "host" if name.endswith(".py") else name


if __name__ == "__main__":
    with ours.data_folder():
        for room, share in shares().items():
            print(f"{share:6.1%}  {room}")
