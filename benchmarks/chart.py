"""The results as a picture: a panel of bars for each part, as SVG that is readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

from benchmarks.report import Outcome, capitalised, shown

BARS, VALUES = 440, 150
"""Pixels: of the longest bar, and for the figures behind it."""
_CHARACTER = 7
"""Pixels, at least what one takes in a name."""
_LINE, _ROW, _GAP = 18, 22, 18
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .aim { fill: #59636e } .ours { fill: #0969da } .peer { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .aim { fill: #9198a1 } .ours { fill: #4493f8 } .peer { fill: #656c76 }
}"""


def svg(outcomes: Sequence[Outcome]) -> str:
    """One panel below the other. Bars of one panel have one scale; which way is better depends on the unit."""
    names = _CHARACTER * max(len(figure.name) for _, result in outcomes for figure in result.figures)
    width = names + BARS + VALUES
    parts: list[str] = []
    top = _GAP
    for part, result in outcomes:
        longest = max(figure.value for figure in result.figures)
        said = f"{result.measured}. The aim: {part.aim}.".replace("`", "")
        lines = [("title", capitalised(part.title))]
        lines += [("aim", line) for line in wrap(said, width // _CHARACTER)]
        for kind, line in lines:
            parts.append(f'<text class="{kind}" x="0" y="{top + 12}">{escape(line)}</text>')
            top += _LINE
        top += _LINE // 2
        for figure in result.figures:
            length = max(1, round(figure.value / longest * BARS))
            kind = "ours" if figure.is_ours else "peer"
            text = escape(f"{shown(figure.value)} {result.unit}")
            parts += [
                f'<text x="{names - 8}" y="{top + 12}" text-anchor="end">{escape(figure.name)}</text>',
                f'<rect class="{kind}" x="{names}" y="{top}" width="{length}" height="16" rx="2"/>',
                f'<text x="{names + length + 8}" y="{top + 12}">{text}</text>',
            ]
            top += _ROW
        top += _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top}" viewBox="0 0 {width} {top}">'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"
