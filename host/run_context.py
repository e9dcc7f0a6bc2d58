"""What an action run needs of where it runs: a context that it can be asked through to stop, and a journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actions.contract import Context, Report
from delivery.attempt import Attempt, Outgoing
from delivery.pace import Pace
from delivery.pool import Slots


class Journal(Protocol):
    """Where a run is written down while it happens. Called by several threads when several sessions are open."""

    def begin(self, parameter_sets: Sequence[object]) -> None:
        """Write down that a run begins. Raises `HostError`: nothing was sent, and nothing will be."""

    def claim(self, position: int, key: str, content: bytes) -> Report | None:
        """Let the mail at that place, from 1, have this key, unless one had it that was or may have been sent.

        Return that one's report if its content is the same, None if there is no such mail. Raises `MailError` while
        another one with the key is being sent, and for another content.
        """

    def prepared(self, position: int, outgoing: Outgoing) -> Outgoing:
        """The message of the mail at that place, from 1, as it is to be sent."""

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Write down, on the disk, that the octets that complete these may leave. Raises `HostError`: they may not."""

    def finished(self, position: int, report: Report) -> None:
        """Write down what became of the parameter set at that place, from 1. Never raises: the report stands."""

    def end(self) -> None:
        """Write down that the run has ended. Never raises."""


class RunContext(Context, Protocol):
    """A context that its run can be asked through to stop, with the journal of that run.

    `slots` and `pace` are None where nobody else who sends is minded.
    """

    @property
    def journal(self) -> Journal: ...

    @property
    def slots(self) -> Slots | None: ...

    @property
    def pace(self) -> Pace | None: ...

    def cancel(self) -> None: ...
