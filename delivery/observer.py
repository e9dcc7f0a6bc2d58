"""Whoever watches a delivery, and may stop it: a run on a platform, a command line, a relay's client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from delivery.attempt import Attempt
from smtp.transcript import Transcript


class Observer(Protocol):
    """What a delivery tells while it happens, and asks. Called by several threads when several sessions are open."""

    def progress(self, text: str) -> None:
        """Tell what was found or done. `text` is plain text; who shows it escapes what it has to."""

    def sent(self, octets: int, size: int) -> None:
        """Tell how much of a large message has left."""

    def is_cancelled(self) -> bool:
        """Whether somebody asked for this to stop."""

    def session_ended(self, transcript: Transcript) -> None:
        """Called with the redacted dialogue when the run has no more use for a session."""

    def ended(self, attempt: Attempt) -> None:
        """Called as soon as it is known what became of a message, where several sessions are open.

        The run is told of it in its order, which may be later.
        """

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Called just before the octets leave that can complete these messages. If it raises, nothing was sent."""
