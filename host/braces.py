"""Texts that go through `str.format` on their way to a user, as all progress and status texts of the platform do."""

from __future__ import annotations


def double_braces(text: str) -> str:
    """`text` with its braces doubled, so that `str.format` gives it back as it is."""
    return text.replace("{", "{{").replace("}", "}}")
