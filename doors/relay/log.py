"""What is written on standard error: a line for what happens, with `--transcript` one for each step of a session."""

from __future__ import annotations

from typing import Protocol


class Lines(Protocol):
    """Where the lines go, as text or JSON."""

    def say(self, text: str, level: str = "info") -> None: ...


class Log:
    """The relay's log. Nothing in it is a secret: logins are shown by their mechanism alone."""

    def __init__(self, lines: Lines, *, steps: bool = False) -> None:
        self._lines = lines
        self.has_steps = steps
        """Steps of sessions are written at all: who makes lines of them can spare that otherwise."""

    def tell(self, text: str) -> None:
        self._lines.say(text)

    def warn(self, text: str) -> None:
        self._lines.say(text, "warning")

    def step(self, session: str, who: str, text: str) -> None:
        """One line of a session's dialogue: `who` is C for the client, S for us."""
        if self.has_steps:
            self._lines.say(f"{session} {who}: {text}")

    # what `delivery` tells while it connects

    def progress(self, text: str) -> None:
        if self.has_steps:
            self._lines.say(text)
