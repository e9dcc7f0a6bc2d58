"""The ledger's statements: to the SQLite database of the data folder, or to a PostgreSQL server's.

They are in the words that both understand, with `?` for each value. Readers of SQLite never wait (write-ahead log),
writers wait for each other, and what was committed outlives a loss of power.
"""

from __future__ import annotations

import atexit
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from host.local import files, schema
from host.local.files import Cipher, StoreError, as_timestamp, timestamp


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Not for several threads at once."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor: ...

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> Cursor: ...

    @property
    def in_transaction(self) -> bool: ...

    def close(self) -> None: ...


class LastingConnection(Connection, Protocol):
    """One that may outlive the run that it was made for."""

    def is_as_it_was(self) -> bool:
        """Whether another run may use it, whatever happened to the database meanwhile."""


AnyConnection = TypeVar("AnyConnection", bound=Connection)
BUSY_TIMEOUT = 30.0
"""Seconds to wait for other processes' transactions, each of which takes milliseconds."""
_TURN = 0.02
"""Seconds that SQLite may wait for a lock by itself: no signal is handled meanwhile, and the longer it has waited the
longer it sleeps, so that whoever comes later goes first."""


IDLE_SECONDS = 1.0
"""For so long a database that no run uses stays open for the next one."""
_SETTINGS = (files.DATABASE_VARIABLE, files.KEY_VARIABLE, files.CREDENTIALS)
"""The variables of the environment that say which database and which key are the folder's."""
TURNS = 1
"""The first of the two numbers of a lock of PostgreSQL that is a run's; locks with names have one number."""


class FileConnection(sqlite3.Connection):
    """A connection that knows its file again."""

    path: Path
    identity: tuple[int, int]

    def is_gone(self) -> bool:
        """Whether the file was removed or exchanged: it can be written all the same, and nobody would read it."""
        try:
            status = self.path.stat()
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != self.identity

    def is_as_it_was(self) -> bool:
        """Whether another run may use it: the file is there, can be written, and has this version's tables."""
        try:
            return (
                not self.is_gone()
                and os.access(self.path, os.W_OK)
                and os.access(self.path.parent, os.W_OK)
                and self.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
            )
        except sqlite3.Error:
            return False


class OpenDatabase:
    """A connection to a data folder's database, and its key, for one run at a time."""

    def __init__(
        self, connection: LastingConnection, cipher: Cipher, settings: tuple[str | None, ...]
    ) -> None:
        self.connection = connection
        self.cipher = cipher
        self.settings = settings
        """What `_SETTINGS` were when it was opened."""
        self.idle_since = 0.0
        """Of `time.monotonic`."""


class OpenDatabases:
    """The connections to a data folder's database that no run uses just now. For several threads.

    The next run finds them open, if nothing has changed under them: it would take it longer to open the database, and
    to close it, than to send a mail. They are closed when nobody needs them for `IDLE_SECONDS`, and when the process
    ends. A forked child leaves them to its parent.
    """

    def __init__(self, folder: Path, connect: Callable[[Path, Cipher], LastingConnection]) -> None:
        self._folder = folder
        self._connect = connect
        self.pruned = -math.inf
        """When it was last looked for runs that are kept no longer, of `time.monotonic`."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._idle: list[OpenDatabase] = []
        """Those that were given back last are last."""
        self._of_parent: list[OpenDatabase] = []
        """Kept, since whatever nobody keeps is closed."""
        self._closing: threading.Thread | None = None

    def take(self) -> OpenDatabase:
        """One for a run alone, with the database made or brought up to date if need be. Raises `StoreError`."""
        settings = tuple(map(os.environ.get, _SETTINGS))
        if self._process != os.getpid():
            self._begin_anew()
        while self._idle:
            with self._changed:
                if not self._idle:  # another thread was quicker
                    break
                idle = self._idle.pop()
            if idle.settings == settings and idle.cipher.is_as_it_was() and idle.connection.is_as_it_was():
                return idle
            idle.connection.close()
        cipher = Cipher(self._folder)
        return OpenDatabase(self._connect(self._folder, cipher), cipher, settings)

    def give_back(self, used: OpenDatabase) -> None:
        """Keep it for the next run."""
        with self._changed:
            used.idle_since = time.monotonic()
            self._idle.append(used)
            if self._closing is None:
                atexit.register(self.close)
                self._closing = threading.Thread(
                    target=self._close_what_lies_idle, name="idle databases", daemon=True
                )
                self._closing.start()

    def close(self) -> None:
        """Close those that lie idle."""
        if self._process == os.getpid():
            with self._changed:
                idle, self._idle = self._idle, []
                self._changed.notify_all()
            for one in idle:
                one.connection.close()

    def _close_what_lies_idle(self) -> None:
        """Until there is none any more."""
        while True:
            with self._changed:
                self._changed.wait(IDLE_SECONDS)
                latest = time.monotonic() - IDLE_SECONDS
                ends = [one for one in self._idle if one.idle_since <= latest]
                self._idle = self._idle[len(ends) :]
                if is_last := not self._idle:
                    self._closing = None
                    atexit.unregister(self.close)
            for one in ends:
                one.connection.close()
            if is_last:
                return

    def _begin_anew(self) -> None:
        """In a child: what its parent has open it neither uses nor closes."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._of_parent += self._idle
        self._idle = []
        self._closing = None


def opened(path: Path) -> FileConnection:
    """A connection to a database that is there. Raises `sqlite3.Error`.

    Where nothing can be written it is only read; then a file without a log beside it is taken as it is: SQLite would
    make a log even to read it.
    """
    try:
        status = path.stat()
        identity = status.st_dev, status.st_ino
    except OSError:
        identity = 0, 0
    uri = path.as_uri()
    if is_read_only(path):
        uri += "?mode=ro"
        if not path.with_name(f"{path.name}-wal").exists():
            uri += "&immutable=1"
    connection = sqlite3.connect(
        uri,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        factory=FileConnection,
        uri=True,
    )
    try:
        connection.path, connection.identity = path, identity
        # Not every build has it that way: a commit is on the disk before it is said to be one.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def is_read_only(path: Path) -> bool:
    """Whether there is a database that can be read, in a folder that can't be written."""
    return os.access(path, os.R_OK) and not os.access(path.parent, os.W_OK)


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it has this version's tables; False for an older one's. Raises `StoreError` for what is neither."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == schema.VERSION:
        revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        if revisions == [(schema.REVISION,)]:
            return True
    if version >= schema.VERSION:
        raise StoreError(newer(path))
    if version < 1:
        raise StoreError(_damaged(path, "it is empty, or not a database of this program"))
    return False


@contextmanager
def transaction(
    connection: AnyConnection, latest: Callable[[], float] | None = None, *, full: bool | None = None
) -> Iterator[AnyConnection]:
    """One transaction that writes, whole or not at all. Raises `StoreError`.

    SQLite's write lock is taken at once, so that waiting for others works: a reader that turns writer half-way would
    be refused. While it is waited for, `latest` is asked until when, in seconds of `time.monotonic`. `full` is that of
    `flushing`, for this transaction and those that follow.
    """
    try:
        if isinstance(connection, sqlite3.Connection):
            if full is not None:
                connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            connection.execute(f"PRAGMA busy_timeout = {_TURN * 1000:.0f}")
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                _wait_for_write_lock(connection, error, latest)
            finally:
                connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
        else:
            connection.execute("BEGIN")
        try:
            yield connection
            if isinstance(connection, FileConnection) and connection.is_gone():
                raise StoreError(
                    f"{connection.path} was removed or exchanged while it was in use. Nothing more is written to it, "
                    "and no mail is sent that is not written down. Put the data folder back."
                )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        if not isinstance(connection, FileConnection):
            raise
        raise StoreError(explain(connection.path, error)) from error


def _wait_for_write_lock(
    connection: sqlite3.Connection, error: sqlite3.OperationalError, latest: Callable[[], float] | None
) -> None:
    """Begin a transaction after all; `error` is why it could not be begun."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while error.sqlite_errorname == "SQLITE_BUSY":
        left = (min(deadline, latest()) if latest else deadline) - time.monotonic()
        if left <= 0:
            break
        connection.execute(f"PRAGMA busy_timeout = {min(_TURN, left) * 1000:.0f}")
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as again:
            error = again
    raise error


def take_turn(connection: Connection, run_id: int) -> None:
    """Wait for others that change whose a run's mails are, and let others wait until the transaction ends.

    Whoever claims, gives back, cancels or resumes locks many rows of two tables: two at once, each with rows that the
    other wants, would be ended by the server as a deadlock. SQLite has one writer at a time anyway.
    """
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("SELECT pg_advisory_xact_lock(?, ?)", (TURNS, run_id))


def share_turn(connection: Connection, run_id: int) -> None:
    """Let a run's mails stay whose they are until the transaction ends; others who only write theirs may do so too.

    Whose a mail is and what became of it stand in two tables. Without this a statement could wait for somebody who
    takes the mail away, and then go by what it had read before.
    """
    if not isinstance(connection, sqlite3.Connection):
        connection.execute("SELECT pg_advisory_xact_lock_shared(?, ?)", (TURNS, run_id))


def flushing(connection: Connection, *, full: bool) -> None:
    """Let the transactions that follow be on the disk when they end (`full`), or with the next one that is."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")


def database_time(connection: Connection) -> float:
    """The database's clock, in seconds of the epoch: that of this machine, where the database is a file of it."""
    if isinstance(connection, sqlite3.Connection):
        return time.time()
    (now,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    return float(now)


def database_timestamp(connection: Connection, *, later: float = 0.0) -> str:
    """Now, or so many seconds later, by the database's clock, as `timestamp` writes it: machines' clocks may differ."""
    if isinstance(connection, sqlite3.Connection):
        return timestamp(days_ago=-later / 86_400)
    return as_timestamp(database_time(connection) + later)


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """What SQLite raises becomes a `StoreError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(explain(path, error)) from error


def explain(path: Path, error: object) -> str:
    """What is wrong with the database, and what to do."""
    name, text = getattr(error, "sqlite_errorname", ""), str(error)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, text)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path} was in use elsewhere for {BUSY_TIMEOUT:g} s. Nothing was changed; try again."
    return f"{path} can't be used: {text}. Nothing was changed. Check its permissions and free space."


def newer(path: Path) -> str:
    """What is said of a database that this version does not know."""
    return (
        f"{path} was made by a newer version of this program. Nothing was changed. Use that version, or "
        "another folder (SMTP_CONNECTOR_HOME)."
    )


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}). Nothing was changed. Restore it from a backup, or move it and "
        f"{files.KEY_FILE} away to start anew."
    )
