"""The results as text: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.result import Part, Result

Outcome = tuple[Part, Result]


def lines(part: Part, result: Result) -> list[str]:
    """One part for a terminal."""
    width = max(len(figure.name) for figure in result.figures)
    best = max(figure.value for figure in result.figures)
    return [
        f"{part.name}: {part.title}",
        *(
            f"  {figure.name:<{width}}  {shown(figure.value):>10} {result.unit:<12} {_bar(figure.value / best)}"
            for figure in result.figures
        ),
        f"  {result.measured}; the aim is {part.aim}: {verdict(result)}",
    ]


def markdown(outcomes: Sequence[Outcome], chart: str) -> str:
    """The page of results. `chart` is the file name of the picture beside it."""
    text = [
        "# Benchmark results",
        "",
        "Written by `make bench`; what it means is in [performance.md](performance.md).",
        "",
        f"{datetime.now(UTC):%d %B %Y}, {_machine()}. Medians of runs taken in turns; the peers ran in the same run.",
        "",
        f"![All figures as bars]({chart})",
        "",
        "| what | aim | measured | |",
        "| --- | --- | --- | --- |",
        *(
            f"| {part.title} | {part.aim} | {result.measured} | {verdict(result)} |"
            for part, result in outcomes
        ),
    ]
    for part, result in outcomes:
        text += [
            "",
            f"## {part.title[:1].upper()}{part.title[1:]}",
            "",
            f"| | {result.unit} |",
            "| --- | ---: |",
        ]
        text += [f"| {figure.name} | {shown(figure.value)} |" for figure in result.figures]
    return "\n".join(text) + "\n"


def verdict(result: Result) -> str:
    return "reached" if result.reached else "not reached"


def shown(value: float) -> str:
    """With three digits that say something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _bar(share: float) -> str:
    return "#" * max(1, round(share * 40))


def _machine() -> str:
    cores = os.cpu_count()
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()} with {cores} cores"
    )
