"""Every input that is kept, once, and a few made from them: `make fuzz` goes on from there."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.one import MAX_LENGTH, changed
from tests.fuzz.targets import TARGETS, as_line, as_octets, corpus


@pytest.mark.parametrize("name", TARGETS)
def test_no_kept_input_breaks_a_rule(name: str) -> None:
    inputs = corpus(name)
    assert inputs
    for octets in inputs:
        TARGETS[name](octets)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_that_is_made_from_them_does(name: str) -> None:
    chance, known = random.Random(name), corpus(name)
    for _ in range(100):
        octets = changed(chance, known)[:MAX_LENGTH]
        print(as_line(octets))  # noqa: T201 - shown if it fails, to be kept
        TARGETS[name](octets)


def test_a_line_of_the_corpus_holds_any_octets() -> None:
    octets = bytes(range(256)) + b"\\x00 \\"
    assert as_octets(as_line(octets)) == octets
    assert "\n" not in as_line(octets)
