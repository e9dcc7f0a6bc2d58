"""The spool: mails that are in the ledger before the client is told 250, and that a worker sends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from delivery.pool import Pool
from doors.relay.log import Log
from host.local import durable
from host.local.durable import Order
from host.local.files import StoreError
from host.local.home import Home
from host.local.inputs import InputError
from host.local.relayed import RELAYED, parameters_of
from host.local.rows import Row
from host.local.worker import Worker
from smtp.envelope import Address
from smtp.extensions import Extensions

MAX_MESSAGE = 32 * 1024 * 1024
"""Octets of one mail: it is encrypted as a whole, and takes several times its size of memory meanwhile."""
OFFERED = Extensions({"SIZE": str(MAX_MESSAGE), "8BITMIME": "", "SMTPUTF8": ""})
"""What clients are offered. The mail server isn't asked: it may be down."""


@dataclass(slots=True)
class _Taken:
    """A mail that is to be written down: `number` is that of its run, once it is, `error` why it could not be."""

    parameters: Mapping[str, Any]
    number: int | None = None
    error: StoreError | InputError | None = None

    @property
    def octets(self) -> int:
        return len(self.parameters["raw_email"])


class Spool:
    """Takes mails in for a stored asset, for several threads at once, and works on them: `with Spool(…)`.

    Of several workers of one data folder one works, and the others stand by.
    """

    def __init__(self, asset: str, home: Home, pool: Pool, log: Log) -> None:
        self._asset = asset
        self._home = home
        self._log = log
        self._waiting: deque[_Taken] = deque()
        self._one_writes = threading.Lock()
        self._worker = Worker(home, pool, log.tell)
        self._working = threading.Thread(target=self._work, name="worker")

    def __enter__(self) -> Self:
        self._working.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is in flight is finished; the rest waits for the next worker."""
        self._worker.stop()
        self._working.join()

    def take(
        self,
        sender: Address | None,
        recipients: tuple[Address, ...],
        octets: bytes,
        message_id: str,
        *,
        smtputf8: bool,
    ) -> int:
        """Write a mail down; it is on the disk when this returns the number of its run.

        Raises `StoreError`, `InputError`: nothing was kept then.
        """
        own = _Taken(parameters_of(sender, recipients, octets, message_id, smtputf8=smtputf8))
        self._waiting.append(own)
        with self._one_writes:
            while own.number is None and own.error is None:  # nobody took it along
                self._write(self._next())
        if own.number is None:
            raise own.error or StoreError("The mail was not written down.")
        return own.number

    def _next(self) -> list[_Taken]:
        """The mails that wait, as many as may be in memory twice."""
        together = [self._waiting.popleft()]
        octets = together[0].octets
        while self._waiting and octets + self._waiting[0].octets <= MAX_MESSAGE:
            together.append(self._waiting.popleft())
            octets += together[-1].octets
        return together

    def _write(self, together: list[_Taken]) -> None:
        """One run for those that came while the last one was written: a flush of the disk serves them all."""
        rows = [Row(line, one.parameters) for line, one in enumerate(together, 1)]
        try:
            submitted = durable.submit(Order(RELAYED, self._asset), rows, self._home)
        except (StoreError, InputError) as error:
            for one in together:
                one.error = error
            return
        refused = {one.line: one.message for one in submitted.refused}
        for row, one in zip(rows, together, strict=True):
            if row.line in refused:
                one.error = InputError(refused[row.line])
            else:
                one.number = submitted.run_id
        self._worker.wake()

    def _work(self) -> None:
        try:
            self._worker.run()
        except StoreError as error:
            self._log.warn(f"What is spooled is not sent from here: {error}")
