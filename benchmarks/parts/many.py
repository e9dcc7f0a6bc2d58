"""10 mails in a run and 10,000: the same time for each, and memory that does not grow with what is sent."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import child, ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.mails import asset, sets
from benchmarks.result import Figure, Part, Result

FEW, MANY = 10, 10_000
TIME_AIM = 1.1
MEMORY_AIM = 1.0
"""MiB more that are as good as none."""


def measure_time(effort: int) -> Result:
    with servers.smtp_sink() as port:
        fields = asset(port)
        runs = {
            f"connector, {count:,} mails": partial(seconds, partial(ours.run, fields, sets(count)))
            for count in (FEW, MANY)
        }
        few, many = medians(runs, effort).values()
    each = (few / FEW, many / MANY)
    figures = tuple(Figure(name, 1000 * value, is_ours=True) for name, value in zip(runs, each, strict=True))
    factor = each[1] / each[0]
    return Result("ms a mail", figures, f"{factor:.2f} times", factor <= TIME_AIM)


def measure_memory(effort: int, job: str) -> Result:
    """`job` is the child's: a session, or whole action runs."""
    with servers.smtp_sink() as port, tempfile.TemporaryDirectory() as home:
        few, many = (
            median(child.run(job, Path(home), port=port, count=count).mib for _ in range(effort))
            for count in (FEW, MANY)
        )
    figures = (
        Figure(f"connector, {FEW} mails", few, is_ours=True),
        Figure(f"connector, {MANY:,} mails", many, is_ours=True),
    )
    each = (many - few) / (MANY - FEW) * 1024
    measured = f"{many - few:.1f} MiB more, {each:.1f} KiB a mail"
    return Result("MiB", figures, measured, many - few <= MEMORY_AIM)


PARTS = (
    Part("many", f"{FEW} and {MANY:,} mails in one action run: time", "the same time per mail", measure_time),
    Part(
        "flat",
        f"{FEW} and {MANY:,} mails over one session: memory",
        "flat",
        partial(measure_memory, job="session"),
    ),
    Part(
        "run",
        f"{FEW} and {MANY:,} mails in one action run: memory, parameters and results included",
        "flat",
        partial(measure_memory, job="actions"),
    ),
)
