"""Text of strangers made fit to be shown, what a line of ours may hold, and secrets that others repeat.

Servers put the line that they did not understand into their reply, cut short, in capitals, percent-encoded, in hex or
in base64. So what is looked for is not a secret but every run of it, in any of these forms, in any case (`Concealer`).
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from typing import Any

LONGEST_LINE = 998
"""Octets of a line of a message, without its line end (RFC 5322 section 2.1.1, RFC 5321 section 4.5.3.1.6)."""
MAX_SHOWN = 300
"""Characters of a stranger's text that are shown, where it stands inside a sentence of ours."""
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What could end a line or hide in one: control characters, line separators, lone surrogates."""

RUN = 6
"""Characters that are taken for a part of a secret. A secret that is shorter is found where it is a word by itself."""
HIDDEN = "<hidden>"


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


def printable(text: str) -> str:
    """`text` as one line, with everything escaped that a terminal could act upon."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def repr_without(secrets: Collection[str], name: str, fields: Mapping[str, Any]) -> str:
    """The `repr` of a record called `name`, without those of its fields that are secret."""
    shown = ", ".join(f"{field}={value!r}" for field, value in fields.items() if field not in secrets)
    return f"{name}({shown})"


class Concealer:
    """Knows secrets, and takes them out of texts."""

    def __init__(self, *secrets: str) -> None:
        self._known: set[str] = set()
        self._runs: set[str] = set()
        self._words: list[re.Pattern[str]] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Take `secret` out of every text from now on; "" is none."""
        if not secret or secret in self._known:
            return
        from urllib.parse import quote, quote_plus  # many sessions have no secret

        self._known.add(secret)
        octets = secret.encode("utf-8", "replace")
        forms = {
            _lower(secret),
            quote(secret, safe="", errors="replace").lower(),
            quote_plus(secret, errors="replace").lower(),
            octets.hex(),
            b64encode(octets).decode("ascii").lower(),
            urlsafe_b64encode(octets).decode("ascii").lower(),
        }
        for form in forms:
            if len(form) < RUN:
                self._words.append(re.compile(rf"(?<!\w){re.escape(form)}(?!\w)", re.IGNORECASE))
            self._runs |= {form[start : start + RUN] for start in range(len(form) - RUN + 1)}

    def hide(self, text: str) -> str:
        """Return `text` with each part of a secret replaced."""
        for word in self._words:
            text = word.sub(HIDDEN, text)
        if not self._runs:
            return text
        lower = _lower(text)
        shown: list[str] = []
        end = begin = 0
        for start in range(len(lower) - RUN + 1):
            if lower[start : start + RUN] in self._runs:
                if start > end:
                    shown += [text[begin:start], HIDDEN]
                elif end == 0:
                    shown.append(HIDDEN)
                begin = end = start + RUN
        return "".join([*shown, text[begin:]])


def _lower(text: str) -> str:
    """In lower case, character by character: the length stays."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    )
