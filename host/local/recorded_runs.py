"""Recorded runs, as they are read: what was asked, what became of each mail, and what is not known yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from actions.contract import KEY
from host.local import database, files, gone, holders, spool
from host.local.files import Cipher, StoreError
from host.local.progress import Progress, progress_of
from host.local.resolving import decide, take_turn_of
from host.local.results import Pruned, document, joint_message, prune
from host.local.sql import faults_named, is_read_only
from host.local.store import Store
from host.local.streams import say
from host.local.tables import DurableRow, MailRow, RunRow

UNTOLD = {
    "unknown": "A message may have been delivered, and was not retried: the process that sent it ended before the "
    "answer was known. Look for it at the recipients before you send it again.",
    "not sent": "Nothing was sent. The run ended before this was begun.",
    "committed": "It is being sent.",
    "claimed": "It is yet to be sent.",
    "waiting": "It is yet to be sent.",
    "cancelled": "Nothing was sent. The run was cancelled before this was begun.",
}
"""What is said of a mail in this state that has no result."""
EXPORTED = ("position", "key", "message_id", "recipients", "outcome", "message", "attempts", "finished_at")
"""What an export has of each mail."""
MOST_UNKNOWN = 500
MOST_MAILS = 1000
_AT_ONCE = 500  # numbers in one question to the database
CUT_OFF = "The process that ran it ended before the run did."
# One of which only an idempotency key is kept is not a recorded run any more.
_KEPT = select(MailRow).where(MailRow.run_id == RunRow.id, MailRow.asked.is_not(None)).exists()
_UNKNOWN = (
    select(MailRow)
    .where(MailRow.state == "unknown", MailRow.asked.is_not(None))
    .order_by(MailRow.run_id.desc(), MailRow.position)
    .limit(MOST_UNKNOWN)
)


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What a list of runs shows of each.

    `state` is running, ended or cut off; that of a durable run may also be submitting, paused or cancelled.
    """

    id: int
    action: str
    asset: str
    container_id: str
    state: str
    status: str
    message: str
    start_time: str
    end_time: str
    progress: Progress | None
    """How far a durable run has come; None for any other."""


@dataclass(frozen=True, slots=True)
class MailEntry:
    """One mail of a run: `state` as in `host.local.ledger`, `attempts` how often it was about to be sent."""

    position: int
    state: str
    attempts: int
    message_id: str
    committed_at: str
    finished_at: str


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run with its parameters as they were recorded, its mails, and its result in SOAR's shape, as far as it goes.

    Of more than `MOST_MAILS` those that were asked for; an export has them all.
    """

    entry: RunEntry
    parameters: Sequence[Mapping[str, Any]]
    mails: Sequence[MailEntry]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedMail:
    """One mail with the run that it belongs to; `result` has its parameters, too."""

    run: RunEntry
    entry: MailEntry
    result: Mapping[str, Any]


class Runs:
    """The recorded runs of a data folder. Every method raises `StoreError`."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store

    def list(
        self, limit: int = 100, *, state: str = "", action: str = "", asset: str = "", before: int = 0
    ) -> tuple[RunEntry, ...]:
        """The latest runs, the last one first: with `before` those older than that one, of this state, action, asset.

        A run that has ended is found by its status (success, failed) as its state.
        """
        self._tidy_up()
        secret = Cipher(self._folder)
        wanted = select(RunRow).where(_KEPT).order_by(RunRow.id.desc()).limit(limit)
        if state:
            has_ended = and_(RunRow.state == "ended", RunRow.status == state)
            wanted = wanted.where(or_(RunRow.state == state, has_ended))
        if action:
            wanted = wanted.where(RunRow.action == action)
        if asset:
            wanted = wanted.where(RunRow.asset == asset)
        if before:
            wanted = wanted.where(RunRow.id < before)
        with self._store.reading() as session:
            durable = frozenset(session.scalars(select(DurableRow.run_id)))
            return tuple(
                _entry(row, secret, session, is_durable=row.id in durable) for row in session.scalars(wanted)
            )

    def brief(self) -> tuple[RunEntry, ...]:
        """All runs, the last one first, without their messages and how far they have come: quick with very many."""
        self._tidy_up()
        columns = RunRow.id, RunRow.action, RunRow.asset, RunRow.container_id, RunRow.state, RunRow.status
        wanted = select(*columns, RunRow.start_time, RunRow.end_time).where(_KEPT).order_by(RunRow.id.desc())
        with self._store.reading() as session:
            return tuple(RunEntry(*row[:6], "", *row[6:], None) for row in session.execute(wanted))

    def messages(self, numbers: Collection[int]) -> dict[int, str]:
        """What is said of each of these runs."""
        secret, wanted, found = Cipher(self._folder), sorted(numbers), {}
        with self._store.reading() as session:
            for first in range(0, len(wanted), _AT_ONCE):
                rows = select(RunRow).where(RunRow.id.in_(wanted[first : first + _AT_ONCE]))
                found.update({row.id: _message(row, secret) for row in session.scalars(rows)})
        return found

    def assets(self) -> tuple[str, ...]:
        """The names of the assets that runs were over, in order."""
        with self._store.reading() as session:
            names = session.scalars(select(RunRow.asset).where(_KEPT).distinct().order_by(RunRow.asset))
            return tuple(name for name in names if name)

    def get(self, number: int, after: int = 0, limit: int = MOST_MAILS) -> RecordedRun:
        """One run, with its mails behind position `after`. Raises `StoreError` where there is none of that number."""
        self._tidy_up()
        secret = Cipher(self._folder)
        with self._store.reading() as session:
            row = session.get(RunRow, number)
            if row is None:
                raise StoreError(f"There is no recorded run {number}.")
            wanted = select(MailRow).where(MailRow.run_id == number, MailRow.position > after)
            mails = session.scalars(wanted.order_by(MailRow.position).limit(limit)).all()
            results = [_result(mail, secret) for mail in mails]
            entry = _entry(row, secret, session)
            identifier = entry.action.replace(" ", "_")
            return RecordedRun(
                entry,
                [result["parameter"] for result in results],
                [_mail(mail) for mail in mails],
                document(
                    identifier, results, entry.status == "success", entry.message or joint_message(results)
                ),
            )

    def mail(self, number: int, position: int) -> RecordedMail:
        """One mail of a run. Raises `StoreError` where there is none at that position."""
        self._tidy_up()
        secret = Cipher(self._folder)
        with self._store.reading() as session:
            take_turn_of(session, number)
            row = session.get(MailRow, (number, position))
            if row is None:
                raise StoreError(f"There is no mail {position} of a recorded run {number}.")
            run = _entry(session.get_one(RunRow, number), secret, session)
            return RecordedMail(run, _mail(row), _result(row, secret))

    def unknown(self) -> tuple[tuple[int, int], ...]:
        """Run and position of each mail of which nobody knows what became of it, the latest first."""
        self._tidy_up()
        with self._store.reading() as session:
            found = _UNKNOWN.with_only_columns(MailRow.run_id, MailRow.position)
            return tuple((row[0], row[1]) for row in session.execute(found))

    def unknown_mails(self) -> tuple[RecordedMail, ...]:
        """The same mails, as they are recorded."""
        self._tidy_up()
        secret = Cipher(self._folder)
        with self._store.reading() as session:
            rows = session.scalars(_UNKNOWN).all()
            runs = {
                number: _entry(session.get_one(RunRow, number), secret, session)
                for number in {row.run_id for row in rows}
            }
            return tuple(RecordedMail(runs[row.run_id], _mail(row), _result(row, secret)) for row in rows)

    def entry(self, number: int) -> RunEntry:
        """What a list shows of one run. Raises `StoreError` where there is none of that number."""
        with self._store.reading() as session:
            row = session.get(RunRow, number)
            if row is None:
                raise StoreError(f"There is no recorded run {number}.")
            return _entry(row, Cipher(self._folder), session)

    def state_of(self, number: int) -> str:
        """The state of one run, "" where there is none of that number."""
        with self._store.reading() as session:
            return session.scalar(select(RunRow.state).where(RunRow.id == number)) or ""

    def resolve(self, number: int, position: int, *, was_sent: bool) -> MailEntry:
        """Let a person decide about a mail of which nobody knows what became of it: it was sent, or it wasn't.

        One that wasn't leaves its idempotency key to whoever sends it again; one of a durable run a worker sends again,
        to those of whom it was not known. Those that repeated its result because of its key are resolved with it.
        Raises `StoreError` for any other mail.
        """
        self._tidy_up()
        secret = Cipher(self._folder)
        with self._store.writing() as session:
            take_turn_of(session, number)
            row = session.get(MailRow, (number, position))
            if row is None:
                raise StoreError(f"There is no mail {position} of a recorded run {number}.")
            if row.state != "unknown":
                raise StoreError(
                    f"Mail {position} of run {number} is {row.state}. Only an unknown one can be resolved."
                )
            unknown = select(MailRow).where(MailRow.state == "unknown")
            if row.key_hash is not None:
                repeats = unknown.where(MailRow.key_hash.is_(None), MailRow.content == row.key_hash)
                for repeat in session.scalars(repeats).all():
                    decide(repeat, _result(repeat, secret), secret, session, was_sent=was_sent)
            elif row.content is not None and (
                first := session.scalar(unknown.where(MailRow.key_hash == row.content))
            ):
                raise StoreError(
                    f"Mail {position} of run {number} repeats the result of mail {first.position} of run"
                    f" {first.run_id}, which has its idempotency key. Resolve that one: it settles both."
                )
            decide(row, _result(row, secret), secret, session, was_sent=was_sent)
            return _mail(row)

    def export(self, number: int) -> Iterator[dict[str, Any]]:
        """What became of each mail of a run, one after the other, as `EXPORTED` names it."""
        self._tidy_up()
        secret = Cipher(self._folder)
        with self._store.reading() as session:
            if session.get(RunRow, number) is None:
                raise StoreError(f"There is no recorded run {number}.")
            rows = select(MailRow).where(MailRow.run_id == number).order_by(MailRow.position)
            for row in session.scalars(rows.execution_options(yield_per=1000)):
                result = _result(row, secret)
                data = result["data"][0] if result["data"] else {}
                yield {
                    "position": row.position,
                    "key": result["parameter"].get(KEY, ""),
                    "message_id": row.message_id or data.get("message_id", ""),
                    "recipients": _addresses(data),
                    "outcome": row.state,
                    "message": result["message"],
                    "attempts": row.attempts,
                    "finished_at": row.finished_at,
                }

    def prune(self) -> Pruned:
        """Let go what has been kept for long enough."""
        with (
            closing(database.connect(self._folder)) as connection,
            faults_named(self._folder / files.DATABASE),
        ):
            return prune(connection)

    def _tidy_up(self) -> None:
        """Settle what processes had that are gone, and take in what version 1 may have written meanwhile.

        Where nothing can be written, what is there is shown as it is.
        """
        if not files.is_server() and is_read_only(self._folder / files.DATABASE):
            return
        with (
            closing(database.connect(self._folder)) as connection,
            faults_named(self._folder / files.DATABASE),
        ):
            if not files.is_server():
                spool.take_in(self._folder, say)
            holders.settle_abandoned(connection, self._folder)
            gone.settle(connection, self._folder)
            prune(connection)


def _entry(row: RunRow, secret: Cipher, session: Session, *, is_durable: bool | None = None) -> RunEntry:
    if is_durable is None:
        is_durable = session.get(DurableRow, row.id) is not None
    return RunEntry(
        row.id,
        row.action,
        row.asset,
        row.container_id,
        row.state,
        row.status,
        _message(row, secret),
        row.start_time,
        row.end_time,
        progress_of(session, row.id) if is_durable else None,
    )


def _message(row: RunRow, secret: Cipher) -> str:
    if row.state == "cut off":
        return CUT_OFF
    return str(secret.decrypt(row.message, f"Run {row.id}")["message"]) if row.message is not None else ""


def _mail(row: MailRow) -> MailEntry:
    return MailEntry(row.position, row.state, row.attempts, row.message_id, row.committed_at, row.finished_at)


def _addresses(data: Mapping[str, Any]) -> list[str]:
    """Whom a mail was for. Of a mail that was only shown (preview email) the addresses are all there is."""
    recipients = data.get("recipients", ())
    return [one["address"] if isinstance(one, Mapping) else str(one) for one in recipients]


def _result(row: MailRow, secret: Cipher) -> dict[str, Any]:
    """The action result of a mail."""
    what = f"Mail {row.position} of run {row.run_id}"
    asked = secret.decrypt(row.asked, what) if row.asked is not None else {}
    if (
        row.result is None or row.state == "committed"
    ):  # what is recorded then is what stands if nothing follows
        told = {"status": "failed", "message": UNTOLD[row.state], "data": [], "summary": {}}
    else:
        told = secret.decrypt(row.result, what)
    return {**told, "parameter": asked}
