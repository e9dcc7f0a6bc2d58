"""Who watches the sessions with the mail server: the log."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.attempt import Attempt
from doors.relay.log import Log
from smtp.transcript import Transcript


class Quiet:
    """`delivery.observer.Observer` for sessions that serve many mails. Only what it says of connecting is told."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def progress(self, text: str) -> None:
        self._log.progress(text)

    def sent(self, octets: int, size: int) -> None:
        """The client sees to that."""

    def is_cancelled(self) -> bool:
        return False

    def session_ended(self, transcript: Transcript) -> None:
        """A session that could not be opened: what it came to is in the error."""

    def ended(self, attempt: Attempt) -> None:
        """There are no attempts here."""

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """There are no attempts here."""
