"""Text of strangers made fit to be shown, and what a line of ours may hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

LONGEST_LINE = 998
"""Octets of a line of a message, without its line end (RFC 5322 section 2.1.1, RFC 5321 section 4.5.3.1.6)."""
MAX_SHOWN = 300
"""Characters of a stranger's text that are shown, where it stands inside a sentence of ours."""
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What could end a line or hide in one: control characters, line separators, lone surrogates."""


def showable(text: str, *secrets: str, limit: int = MAX_SHOWN) -> str:
    """`text` as people may be shown it: one line of at most `limit` characters, without any of `secrets`.

    Control, escape and direction characters, line ends among them, become one space where they stand.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    if not text.isprintable():
        lines = "".join(character if character.isprintable() else "\n" for character in text).split("\n")
        text = " ".join(line.strip() for line in lines if line and not line.isspace())
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def repr_without(secrets: Collection[str], name: str, fields: Mapping[str, Any]) -> str:
    """The `repr` of a record called `name`, without those of its fields that are secret."""
    shown = ", ".join(f"{field}={value!r}" for field, value in fields.items() if field not in secrets)
    return f"{name}({shown})"
