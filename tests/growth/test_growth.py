"""No input keeps a parser busy: ten times as much of it takes about ten times as long."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.growth.measure import growth
from tests.growth.parsers import PARSERS
from tests.growth.patterns import Use, uses
from tests.growth.shapes import CHALLENGE, COMMON, MARKUP, MESSAGE, PEM, REPLY, STYLE, Shape

USES = tuple(uses())
MOST = 3
"""Shapes named of each; what follows would take long and say the same."""


@pytest.mark.parametrize("name", PARSERS)
def test_it_takes_as_much_longer_as_there_is_more_to_read(name: str) -> None:
    parser = PARSERS[name]
    found = (growth(parser, shape) for shape in parser.all_shapes)
    assert list(islice(filter(None, found), MOST)) == []


@pytest.mark.parametrize("use", USES, ids=str)
def test_so_it_is_with_every_regular_expression_of_the_project(use: Use) -> None:
    shapes = (*COMMON, *MARKUP, *STYLE, *PEM, *CHALLENGE, *REPLY, *MESSAGE)
    found = (growth(use, shape) for shape in shapes)
    assert list(islice(filter(None, found), MOST)) == []


def test_what_grows_with_the_square_is_found() -> None:
    def square(text: str) -> int:
        return sum(text[start:].count("y") for start in range(0, len(text), 10))

    assert growth(square, Shape("x"))
