"""How long each step of a run took, as bars of one chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BARS = 40
WIDTH = 1000.0
"""Of the chart, in its own units; a bar begins and ends within it."""
_SHORTEST = 4.0

_Step = tuple[str, str, float, bool]
"""What it was, what was found, ms, whether it failed."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One step. `x` and `width` are in the chart's units, `y` counts bars from the top, times are in ms."""

    text: str
    detail: str
    y: int
    x: float
    width: float
    ms: float
    is_failed: bool


def bars(events: Sequence[Mapping[str, Any]], result: Mapping[str, Any] | None) -> list[Bar]:
    """The steps that the result names; where it names none, what was told while the run went on."""
    steps = _steps_of(result)
    if not steps:
        steps = _steps_told(events)
    total = sum(ms for _, _, ms, _ in steps) or 1.0
    shown, so_far = [], 0.0
    for y, (text, detail, ms, is_failed) in enumerate(steps[:MOST_BARS]):
        x = min(so_far / total * WIDTH, WIDTH - _SHORTEST)
        shown.append(Bar(text, detail, y, x, max(_SHORTEST, ms / total * WIDTH), ms, is_failed))
        so_far += ms
    return shown


def _steps_of(result: Mapping[str, Any] | None) -> list[_Step]:
    if result is None or not result["result_data"]:
        return []
    data = result["result_data"][0]["data"]
    steps = data[0].get("steps", ()) if data and isinstance(data[0], Mapping) else ()
    return [
        (
            _sentence(str(one["step"])),
            str(one.get("detail", "")),
            float(one["duration_ms"]),
            one.get("status") == "failed",
        )
        for one in steps
        if isinstance(one, Mapping) and isinstance(one.get("duration_ms"), int | float)
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _steps_told(events: Sequence[Mapping[str, Any]]) -> list[_Step]:
    """A text is told when its step has been done, so a bar goes from the text before it to its own.

    Before the first one the run was prepared, whatever that text is about.
    """
    steps: list[_Step] = []
    before = 0.0
    for event in events:
        if event["kind"] == "ended":
            break
        text = str(event["text"]) if event["kind"] == "progress" else "Result"
        title, detail = (text, "") if steps or event["kind"] != "progress" else ("Prepared", text)
        steps.append((title, detail, event["ms"] - before, event.get("success") is False))
        before = float(event["ms"])
    return steps
