"""What a part of the benchmarks has to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Unavailable(Exception):
    """Something that this machine would have to have is missing; the message says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One bar: whose it is, and how much. `is_ours` marks the connector's own."""

    name: str
    value: float
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a part, all in `unit`, and the number that its aim is about."""

    unit: str
    figures: tuple[Figure, ...]
    measured: str
    """The number that is compared with the aim, in words: "62 times faster"."""
    reached: bool

    def ratio(self, figure: Figure) -> float:
        """How many times as much this one takes as the connector (the first of its figures): above 1 is worse."""
        ours = next(one.value for one in self.figures if one.is_ours)
        return ours / figure.value if self.unit.endswith("/s") else figure.value / ours


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the table. `measure` is given the effort: 1 for a look, more for figures that are to be quoted."""

    name: str
    title: str
    aim: str
    measure: Callable[[int], Result]
