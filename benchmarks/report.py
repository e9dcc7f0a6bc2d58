"""The results as text: for a terminal, and as Markdown for the documentation."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks.result import Part, Result

ROOT = Path(__file__).resolve().parent.parent
Outcome = tuple[Part, Result]
SMALLEST_SHARE = 0.005


def lines(part: Part, result: Result) -> list[str]:
    """One part for a terminal: each figure, and how many times as much it takes as the connector."""
    width = max(len(figure.name) for figure in result.figures)
    return [
        f"{part.name}: {part.title}",
        *(
            f"  {figure.name:<{width}} {shown(figure.value):>8} {result.unit:<11} x {shown(result.ratio(figure))}"
            for figure in result.figures
        ),
        f"  {result.measured}; the aim is {part.aim}: {verdict(result)}",
    ]


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """All parts, a line each, for a terminal."""
    width = max(len(part.title) for part, _ in outcomes)
    return [f"{part.title:<{width}}  {verdict(result)}: {result.measured}" for part, result in outcomes]


def markdown(outcomes: Sequence[Outcome], shares: Mapping[str, float], chart: str) -> str:
    """The page of results. `shares` are the rooms' of the processor's time, `chart` the picture beside the page."""
    text = [
        "# Benchmark results",
        "",
        "Written by `make bench`; what it means is in [performance.md](performance.md).",
        "",
        f"{_machine()}. Medians of runs taken in turns, the peers in the same run. *Takes* is how many times as long, "
        "or as much, as the connector.",
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
            f"## {capitalised(part.title)}",
            "",
            f"| | {result.unit} | takes |",
            "| --- | ---: | ---: |",
        ]
        text += [
            f"| {figure.name} | {shown(figure.value)} | {shown(result.ratio(figure))}× |"
            for figure in result.figures
        ]
    text += [
        "",
        "## Where the time goes in a whole action",
        "",
        "| room | share |",
        "| --- | ---: |",
    ]
    text += [f"| {room} | {share:.0%} |" for room, share in shares.items() if share >= SMALLEST_SHARE]
    return "\n".join(text) + "\n"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def verdict(result: Result) -> str:
    return "reached" if result.reached else "not reached"


def shown(value: float) -> str:
    """With three digits that say something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _machine() -> str:
    commit = "unknown"
    if (ROOT / ".git").exists():
        command = ["git", "rev-parse", "--short=12", "HEAD"]
        commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return (
        f"{date.today()}, commit {commit}, Python {platform.python_version()} on "
        f"{platform.system()} {platform.machine()} with {os.cpu_count()} cores"
    )
