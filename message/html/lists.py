"""Lists and tables of a rendering: what is to be known of one until it ends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from message.html.markup import Token


def counted_items(found: Sequence[Token]) -> dict[int, int]:
    """How many items the lists have, by where they start, if some are numbered from their end."""
    counts: dict[int, int] = {}
    if not any(name == "reversed" for token in found if token.tag == "ol" for name, _ in token.attributes):
        return counts
    lists: list[int] = []
    for at, token in enumerate(found):
        if token.tag in ("ol", "ul"):
            lists.append(at)
        elif token.tag in ("/ol", "/ul") and lists:
            lists.pop()
        elif token.tag == "li" and lists:
            counts[lists[-1]] = counts.get(lists[-1], 0) + 1
    return counts


@dataclass(slots=True)
class List:
    """A list on its way: the number of its next item, None for bullets, and how numbers are written."""

    number: int | None
    step: int = 1
    kind: str = "1"

    @classmethod
    def of(cls, tag: str, attributes: Mapping[str, str], count: int) -> Self:
        if tag == "ul":
            return cls(None)
        is_reversed = "reversed" in attributes
        start = _number(attributes.get("start", ""), count if is_reversed else 1)
        return cls(start, -1 if is_reversed else 1, attributes.get("type", "1").strip())

    def item(self, value: str) -> str:
        """What the next item begins with."""
        if self.number is None:
            return "* "
        number = _number(value, self.number)
        self.number = number + self.step
        return f"{_numeral(number, self.kind)}. "


class Table:
    """A table on its way: of its row the line that it began in (-1 before there is any text) and the cells so far.

    `before` is how many cells the row before had; `wanted` the breaks that the last cell wanted behind it.
    """

    def __init__(self) -> None:
        self.line = -1
        self.cells = 0
        self.before = 0
        self.wanted = 0

    def start_row(self) -> None:
        self.line, self.before, self.cells, self.wanted = -1, self.cells, 0, 0


def _numeral(number: int, kind: str) -> str:
    """A number as the type of its list has it: letters and Roman numerals as far as they are usual."""
    if kind.lower() == "a" and 0 < number <= 26:
        letter = chr(ord("a") + number - 1)
    elif kind.lower() == "i" and 0 < number < 40:
        letter = (
            "x" * (number // 10) + ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")[number % 10]
        )
    else:
        return str(number)
    return letter.upper() if kind.isupper() else letter


def _number(text: str, otherwise: int) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text.strip()) else otherwise
