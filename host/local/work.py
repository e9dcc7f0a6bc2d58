"""The mails of one durable run while a worker has them: claimed in batches, committed, and told of, each in its row.

    waiting -> claimed -> committed -> sent | partly sent | not sent | unknown
       ^__________|___________|  what was certainly not sent, or not to all, and may be later: see `host.local.retry`

A mail is claimed together with the right to send it. `committed` is on the disk before the octets leave that can
complete it. What a worker had that is gone is settled by whoever notices: `host.local.holders.settle_work`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actions import report as reports
from actions.contract import Report
from delivery.asset import Asset
from delivery.attempt import Attempt, Outgoing, Remaining
from host.local import files, holders, keys, retry
from host.local.files import DATABASE, Cipher, StoreError, timestamp
from host.local.ledger import named
from host.local.results import as_result, if_lost, recorded
from host.local.retry import Patience
from host.local.sql import Connection, database_timestamp, faults_named, take_turn
from host.local.writer import Counted, Ended, Writer
from smtp.errors import Category, MailError
from smtp.outcome import Outcome, Status

BATCH = 100
"""Mails that are claimed at a time."""
KEEP_SECONDS = 30.0
"""How long results are kept for a database that went away, before they are given up as unknown."""
LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the run is to go on."""


@dataclass(frozen=True, slots=True)
class DurableRun:
    """A run that a worker may work on: on its mails from `first` to `last`. `age` is in seconds, since submission."""

    id: int
    action: str
    asset_name: str
    asset_id: str
    container_id: str
    priority: int
    give_up_after: float | None
    start_time: str
    age: float
    first: int = 1
    last: int = 2**31 - 1


@dataclass(frozen=True, slots=True)
class _Row:
    """A mail that is claimed. `earlier` is the result of the tries before, None where there is none."""

    position: int
    tries: int
    parameters: Mapping[str, Any]
    earlier: Mapping[str, Any] | None


class Work:
    """`host.run_context.Journal` for the due mails of one run. Used by several threads at once.

    `asset` is None where it can't be used, and nothing can be sent. `holder` is the name of a lock that this process
    holds. `tell` is given what can't be written down, and what keeps the account from sending.
    """

    def __init__(
        self,
        connection: Connection,
        folder: Path,
        run: DurableRun,
        asset: Asset | None,
        holder: str,
        patience: Patience,
        tell: Callable[[str], None],
        counted: Counted,
    ) -> None:
        self.run = run
        self.number = run.id
        self.has_begun = threading.Event()
        self.has_begun.set()
        self._connection = connection
        self._folder = folder
        self._cipher = Cipher(folder)
        self._holder = holder
        self._patience = replace(patience, give_up_after=run.give_up_after)
        self._tell = tell
        self._asset = asset
        self._started = time.monotonic()
        self._rows: dict[int, _Row] = {}
        """Those that were handed out and have no result, by their place among all that were handed out."""
        self.handed_out = 0
        self._told: set[str] = set()
        self._written = Writer(connection, folder, run.id, holder, tell, counted)

    def parameter_sets(self, is_over: Callable[[Connection], bool]) -> Iterator[Mapping[str, Any]]:
        """Claim what is due and hand it out, until there is no more of it, or `is_over`. Raises `StoreError`."""
        looked = time.monotonic()
        while rows := self._claim():
            for number, row in enumerate(rows):
                if time.monotonic() - looked > LOOK_AGAIN or number == 0 or self._written.is_failing:
                    looked = time.monotonic()
                    with self._written.turn(), faults_named(self._folder / DATABASE):
                        if is_over(self._connection):
                            return  # what was not handed out goes back with `end`
                self.handed_out += 1
                self._rows[self.handed_out] = row
                yield row.parameters

    def refuse(self, error: MailError, is_over: Callable[[Connection], bool]) -> None:
        """Tell of every mail that is due that it can't be sent, because of what concerns them all."""
        text = f"Nothing was sent. {error.text} {error.hint}".strip()
        report = reports.unfinished(error, Outcome.NOT_SENT, text)
        for place, _parameters in enumerate(self.parameter_sets(is_over), 1):
            self.finished(place, report)
        self.end()

    def begin(self, parameter_sets: Sequence[object]) -> None:
        """Nothing: it was written down when it was submitted."""

    def claim(self, position: int, key: str, content: bytes) -> Report | None:
        """As `Journal.claim`."""
        assert self._asset is not None  # noqa: S101 - mails are prepared for an account
        scope = keys.scope(self.run.action, self.run.asset_id, self._asset)
        with self._written.turn(), self._written.transaction(full=False):
            mail = self.run.id, self._rows[position].position
            return keys.claim(self._connection, self._folder, self._cipher, mail, (scope, key), content)

    def prepared(self, position: int, outgoing: Outgoing) -> Outgoing:
        """The message with its mail's Message-ID, for those who don't have it yet."""
        row = self._rows[position]
        outgoing = named(outgoing, self._cipher, self.run.id, self.run.start_time, row.position)
        earlier = row.earlier["data"][0] if row.earlier and row.earlier["data"] else None
        if earlier is None or not earlier["recipients"]:
            return outgoing
        return Remaining(outgoing, retry.left(earlier))

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Write down, on the disk, that the octets that complete these mails may leave. Raises `StoreError`."""
        assert self._asset is not None  # noqa: S101 - mails are sent over an account
        values = []
        for attempt in attempts:
            if attempt.is_committed:  # with another of its transactions
                continue
            row = self._rows[attempt.position]
            lost = retry.joined(row.earlier, if_lost(attempt, self._asset))
            result = self._cipher.encrypt(as_result(lost))
            message_id = attempt.message.message_id if attempt.message else ""
            values.append((timestamp(), message_id, result, self.run.id, row.position, self._holder))
        if not values:
            return
        self._written.commit(values)

    def ended(self, attempt: Attempt) -> None:
        """Write down what became of a mail that is told later, when those before it are."""
        assert self._asset is not None  # noqa: S101 - mails are sent over an account
        self.finished(attempt.position, reports.report(attempt, self._asset))

    def finished(self, position: int, report: Report) -> None:
        """Write down what became of a mail, once. If that fails it is told, and tried again later."""
        row = self._rows.pop(position, None)
        if row is None:
            return  # another thread was quicker
        age = self.run.age + time.monotonic() - self._started
        next_try = retry.again(report, row.tries, age, self._patience)
        self._tell_why(report)
        report = retry.joined(row.earlier, report)
        state = str(report.data[0]["outcome"])
        # A person may yet say that an unknown one is to be sent again.
        kept = row.parameters if state == "unknown" or next_try is not None else recorded(row.parameters)
        result, asked = self._cipher.encrypt(as_result(report)), self._cipher.encrypt(kept)
        self._written.finish(Ended(row.position, row.tries, state, next_try, result, asked))

    def _tell_why(self, report: Report) -> None:
        """What is in the way of every mail, such as a server that is not there, once for all of them."""
        data = report.data[0]
        failure, recipients = data.get("failure"), data["recipients"]
        is_general = failure and failure["category"] != Category.INPUT and recipients
        if not is_general or any(one["status"] != Status.NOT_TRIED for one in recipients):
            return
        if self._asset is not None and report.message not in self._told:
            self._told.add(report.message)
            self._tell(f"Run {self.run.id}: {report.message}")

    def end(self) -> None:
        """Give back what has no result. What can't be written is told; then the next worker settles it.

        Where the connection to a database ended, what is known is written over another one, as soon as there is one.
        """
        deadline = time.monotonic() + KEEP_SECONDS
        while True:
            try:
                self._written.write_all()
                with self._written.turn(), self._written.transaction(full=True):
                    holders.settle_work(self._connection, self._holder)
                return
            except StoreError as error:
                if not self._connect_again(deadline):
                    self._tell(f"Run {self.run.id}: what was not sent could not be given back. {error}")
                    return

    def _connect_again(self, deadline: float) -> bool:
        """Whether the connection had ended, and there is another one in its place by then."""
        if not files.is_server():
            return False
        from host.local.postgres import PostgresConnection

        while isinstance(self._connection, PostgresConnection) and self._connection.is_ended:
            try:
                self._connection.connect()
                return True
            except StoreError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(LOOK_AGAIN)
        return False

    def _claim(self) -> list[_Row]:
        with self._written.turn(), self._written.transaction(full=False):
            take_turn(self._connection, self.run.id)
            now = database_timestamp(self._connection)
            self._connection.execute(
                # `holder` is asked again: a worker of a build that takes no turns may have been quicker.
                "UPDATE due SET holder = ? WHERE run_id = ? AND holder = '' AND position IN (SELECT position FROM due"
                " WHERE run_id = ? AND holder = '' AND due_time <= ? AND position BETWEEN ? AND ?"
                " ORDER BY due_time, position LIMIT ?)",
                (self._holder, self.run.id, self.run.id, now, self.run.first, self.run.last, BATCH),
            )
            found = self._connection.execute(
                "SELECT mail.position, tries, asked, result FROM mail JOIN due ON due.run_id = mail.run_id"
                " AND due.position = mail.position"
                " WHERE due.holder = ? AND due.holder != ''"  # the second for SQLite: it has an index of what is held
                " AND mail.state = 'waiting'"
                " ORDER BY due_time, mail.position",
                (self._holder,),
            ).fetchall()
            self._connection.executemany(
                "UPDATE mail SET state = 'claimed' WHERE run_id = ? AND position = ?",
                [(self.run.id, row[0]) for row in found],
            )
        return [self._row(*row) for row in found]

    def _row(self, position: int, tries: int, asked: bytes, result: bytes | None) -> _Row:
        what = f"Mail {position} of run {self.run.id}"
        earlier = self._cipher.decrypt(result, what) if result is not None else None
        return _Row(position, tries, self._cipher.decrypt(asked, what), earlier)


def unusable(text: str) -> MailError:
    """Why no mail of a run can be sent for now: its account can't be used."""
    return MailError(text, step="asset", category=Category.CONFIGURATION, retryable=True)
