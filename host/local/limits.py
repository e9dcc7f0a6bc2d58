"""How many messages and recipients an account may send, kept in the database: it holds for every process that uses it.

Messages. `messages_per_minute` is kept by the generic cell rate algorithm: one number for each account, the time at
which it would be idle if every message took its share of the minute. A sixth of the minute's messages may leave at
once. Recipients of a day are counted by the hour, over the last 24.

A run that somebody waits for goes before what a worker sends: while it waits for its turn, workers take none. And when
a server says that it was too many, by a 4xx reply that is known to mean that, everybody waits.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pace import HOUR, HOURS, Wait, next_turn, room_in_the_day
from host.local import database
from host.local.files import DATABASE, StoreError
from host.local.locks import account_of
from host.local.sql import Connection, database_time, faults_named, transaction
from smtp.errors import MailError, SmtpError, Step

SLOW_SECONDS = 60.0
"""For so long everybody waits where a server says that it was too many, and not for how long."""
_URGENT_SECONDS = 1.0
_LOOK_AGAIN = 1.0


class Lender(Protocol):
    """Whose connection is used to ask.

    `unslowed_at` is when it was last seen that an account without limits need not wait, of `time.monotonic`.
    """

    unslowed_at: float

    def lent(self) -> AbstractContextManager[Connection]: ...


class _Opener:
    """Opens a connection for each question."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unslowed_at = -math.inf

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Raises `StoreError`."""
        with closing(database.connect(self._folder)) as connection, faults_named(self._folder / DATABASE):
            yield connection


class DatabasePace:
    """`delivery.pace.Pace` over a data folder. `is_urgent`: somebody waits for the run.

    The connection is the `run`'s, or one of its own for each question.
    """

    def __init__(
        self,
        folder: Path,
        *,
        is_urgent: bool,
        is_over: Callable[[], bool] = lambda: False,
        run: Lender | None = None,
    ) -> None:
        self._is_urgent = is_urgent
        self.is_over = is_over
        self._run = run or _Opener(folder)
        self._lock = threading.Lock()

    def turn(self, asset: Asset, recipients: int) -> Wait | None:
        """As `Pace.turn`. Raises `StoreError`."""
        with self._lock:
            has_limits = asset.messages_per_minute or asset.recipients_per_day
            if not has_limits and time.monotonic() < self._run.unslowed_at + _LOOK_AGAIN:
                return None
            with self._run.lent() as connection:
                if not has_limits:
                    wait = _slow(connection, account_of(asset))
                    if wait is None:
                        self._run.unslowed_at = time.monotonic()
                    return wait
                with transaction(connection, full=False):
                    return self._take(connection, asset, recipients)

    def ended(self, asset: Asset, attempt: Attempt) -> None:
        """As `Pace.ended`. What can't be written down is not worth a word: the message has its result."""
        failure: MailError | None = attempt.delivery.failure if attempt.delivery else attempt.error
        seconds = _told_to_slow_down(failure) if failure else None
        if seconds is None:
            return
        self._run.unslowed_at = -math.inf
        with suppress(StoreError), self._run.lent() as connection, transaction(connection):
            account = _ensured(connection, asset)
            until = database_time(connection) + seconds
            connection.execute(
                "UPDATE mailbox SET slow_until = ? WHERE account = ? AND slow_until < ?",
                (until, account, until),
            )

    def _take(self, connection: Connection, asset: Asset, recipients: int) -> Wait | None:
        account = _ensured(connection, asset)
        if (wait := _slow(connection, account)) is not None:
            return wait
        now = database_time(connection)
        idle, urgent_until = connection.execute(
            "SELECT next_turn, urgent_until FROM mailbox WHERE account = ?", (account,)
        ).fetchone()
        if not self._is_urgent and urgent_until > now:
            return Wait(min(urgent_until - now, _URGENT_SECONDS), "a run that somebody waits for goes first")
        turn = next_turn(idle, now, asset.messages_per_minute)
        if turn.seconds:
            if self._is_urgent:
                connection.execute(
                    "UPDATE mailbox SET urgent_until = ? WHERE account = ?", (now + _URGENT_SECONDS, account)
                )
            return Wait(turn.seconds, f"the account may send {asset.messages_per_minute} messages a minute")
        if asset.recipients_per_day:
            wait = _spend(connection, account, recipients, asset.recipients_per_day, now)
            if wait is not None:
                return wait
        connection.execute("UPDATE mailbox SET next_turn = ? WHERE account = ?", (turn.idle, account))
        return None


def _slow(connection: Connection, account: str) -> Wait | None:
    row = connection.execute("SELECT slow_until FROM mailbox WHERE account = ?", (account,)).fetchone()
    if row is None or not row[0]:
        return None
    seconds = row[0] - database_time(connection)
    return Wait(seconds, "the server said that it was too many messages at a time") if seconds > 0 else None


def _ensured(connection: Connection, asset: Asset) -> str:
    """The account, which has its row then."""
    account = account_of(asset)
    connection.execute(
        "INSERT INTO mailbox (account, next_turn, slow_until, urgent_until) VALUES (?, 0, 0, 0)"
        # It is this transaction's to the end then, where there may be several at once.
        " ON CONFLICT (account) DO UPDATE SET account = excluded.account",
        (account,),
    )
    return account


def _spend(connection: Connection, account: str, recipients: int, most: int, now: float) -> Wait | None:
    """Count these recipients, if the day has room for them."""
    hour = int(now // HOUR)
    connection.execute("DELETE FROM spent WHERE account = ? AND hour <= ?", (account, hour - HOURS))
    by_hour = connection.execute(
        "SELECT hour, recipients FROM spent WHERE account = ? ORDER BY hour", (account,)
    ).fetchall()
    if (wait := room_in_the_day(by_hour, recipients, most, now)) is not None:
        return wait
    connection.execute(
        "INSERT INTO spent (account, hour, recipients) VALUES (?, ?, ?)"
        " ON CONFLICT (account, hour) DO UPDATE SET recipients = spent.recipients + excluded.recipients",
        (account, hour, recipients),
    )
    return None


def _told_to_slow_down(error: MailError) -> float | None:
    """Seconds to wait for, where the server said that it was too many, and not of one recipient alone."""
    if not isinstance(error, SmtpError) or error.reply is None or error.step == Step.RCPT:
        return None
    reply = error.reply
    if not 400 <= reply.code < 500:
        return None
    from delivery.remedies import Subject, remedy  # few mails are refused
    from delivery.remedies.limits import BUSY

    known = remedy(error.step, reply.code, reply.enhanced_code, reply.text)
    # A 421 by itself is about the connection that it closes, and another one may be as good as ever.
    if known is None or known is BUSY or known.subject is not Subject.RATE:
        return None
    return known.retry_after or SLOW_SECONDS
