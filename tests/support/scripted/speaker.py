"""Where the one fault is committed: everything the server says passes through here."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.scripted.log import Log
from tests.support.scripted.replies import wrong_reply
from tests.support.scripted.settings import Fault, Kind, Settings, Step
from tests.support.scripted.wire import Gone, Wire

LASTING = frozenset({Kind.DRIP, Kind.SILENCE, Kind.STALL})
"""Faults that take their time: they count as committed from the start."""


class Speaker:
    """Says replies to one client, and at the right moment the wrong one."""

    def __init__(self, wire: Wire, settings: Settings, log: Log) -> None:
        self._wire = wire
        self._settings = settings
        self._log = log
        self._errors = 0

    def answer(self, step: Step, reply: bytes, effect: Callable[[], None] | None = None) -> bool:
        """Reply to `step`, or commit the fault there. `effect` is what a success does to the server; it
        happens before anything is said. Returns whether it happened. Raises `Gone`.
        """
        fault = self.strike(step)
        happens = fault is None or fault.took_effect
        if happens and effect:
            effect()
        if fault:
            self.commit(fault, reply)
        else:
            self.say(reply)
        return happens

    def strike(self, step: Step) -> Fault | None:
        """The fault, if this occurrence of `step` is the one."""
        occurrence = self._log.occurred(step)
        fault = self._settings.fault
        return fault if fault and fault.strikes(step, occurrence) else None

    def commit(self, fault: Fault, right: bytes) -> None:
        """Do it. Returns when the dialogue can go on afterwards. Raises `Gone`."""
        if fault.kind in LASTING:
            self._log.struck.set()
        try:
            self._commit(fault, right)
        finally:
            self._log.struck.set()

    def _commit(self, fault: Fault, right: bytes) -> None:
        if fault.kind is Kind.RESET:
            self._wire.reset()
        elif fault.kind is Kind.ENDLESS:
            while True:
                self._wire.write((right[:3] + b"-and so on\r\n") * 200)
                self._log.struck.set()
        elif fault.kind is Kind.DRIP:
            self._wire.drip(wrong_reply(fault, right), self._settings.drip)
        elif fault.kind is Kind.EXTRA and fault.step in (Step.MAIL, Step.RCPT):
            # Else a client that has heard as many replies as it waits for might not hear that there is one more.
            self._wire.write_with_the_rest(wrong_reply(fault, right))
        elif fault.kind not in (Kind.CLOSE, Kind.SILENCE):
            self._wire.write(wrong_reply(fault, right))
        if fault.kind in (Kind.SILENCE, Kind.STALL):
            self._wire.be_silent()
        if fault.kind in (Kind.CLOSE, Kind.RESET, Kind.SHUTDOWN, Kind.HALF_LINE):
            self._wire.finish()
            raise Gone

    def say(self, reply: bytes) -> None:
        """A reply that no fault touches. Raises `Gone` once there were too many refusals."""
        self._wire.write(reply)
        self._errors += reply[:1] in (b"4", b"5")
        if self._settings.max_errors is not None and self._errors >= self._settings.max_errors:
            self._wire.write(b"421 4.7.0 too many errors\r\n")
            self._wire.finish()
            raise Gone

    def forgive(self) -> None:
        """A message was accepted."""
        self._errors = 0
