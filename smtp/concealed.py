"""Secrets that others repeat: whatever form and part of one stands in a text, it is not shown.

Servers put the line that they did not understand into their reply, cut short, in capitals, percent-encoded, in hex or
in base64. So what is looked for is not the secret but every run of it, in any of these forms, in any case.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode

RUN = 6
"""Characters that are taken for a part of a secret. A secret that is shorter is found where it is a word by itself."""
HIDDEN = "<hidden>"


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
        self._known.add(secret)
        for form in _forms(secret):
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


def _forms(secret: str) -> set[str]:
    """How a secret may be written, in lower case."""
    from urllib.parse import quote, quote_plus  # many sessions have no secret

    octets = secret.encode("utf-8", "replace")
    written = {
        secret,
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        octets.hex(),
        b64encode(octets).decode("ascii"),
        urlsafe_b64encode(octets).decode("ascii"),
    }
    return {_lower(form) for form in written}


def _lower(text: str) -> str:
    """In lower case, character by character: the length stays."""
    lower = text.lower()
    return (
        lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    )
