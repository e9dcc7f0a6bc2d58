"""PostgreSQL in place of the data folder's own database: connections, locks that outlive no process, and its schema.

A lock is an advisory lock of a session: when the process ends, whatever ends it, its connection ends, and so does the
lock. When the machine is gone, or the network, the server notices by TCP's keepalives, within `GONE_SECONDS`.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from host.local import files, jobs_schema, schema
from host.local.files import DATABASE_VARIABLE, StoreError

GONE_SECONDS = 30
_KEEPALIVES = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4 -c TimeZone=UTC"
)
_SCHEMA_LOCK = 0x736D7470
_checked: set[tuple[str, str]] = set()
"""The databases and keys that were found right by this process."""
_checking = threading.Lock()
_PROGRAM = "smtp-connector"
_token = os.urandom(6).hex()


def session_name() -> str:
    """What all sessions of this process at the server are called, and those of no other process."""
    return f"{_PROGRAM} {_token} {os.getpid()}"


class PostgresConnection:
    """`host.local.sql.Connection` over psycopg, or over a connection that is there. Raises `StoreError`."""

    def __init__(self, url: str, opened: psycopg.Connection[Any] | None = None) -> None:
        self._url = url
        self._server = shown(url)
        if opened is not None:
            self._connection = opened
        else:
            self.connect()

    def connect(self) -> None:
        """Connect, also once more when the connection has ended. Raises `StoreError`."""
        try:
            self._connection = psycopg.connect(conninfo(self._url), autocommit=True, **session_options())
        except psycopg.Error as error:
            raise StoreError(
                f"{self._server} can't be used: {reason(error)}. Nothing was changed."
            ) from error

    @property
    def is_ended(self) -> bool:
        """Whether the server, or the way to it, ended the connection."""
        return self._connection.closed

    def is_as_it_was(self) -> bool:
        """Whether another run may use it: the server answers over it."""
        try:
            self.execute("SELECT 1")
        except StoreError:
            return False
        return True

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(_in_its_words(statement), values or None)
        except psycopg.Error as error:
            raise self._explained(error) from error

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> psycopg.Cursor[Any]:
        cursor = self._connection.cursor()
        try:
            cursor.executemany(_in_its_words(statement), values)
        except psycopg.Error as error:
            raise self._explained(error) from error
        return cursor

    def script(self, statements: str) -> None:
        """Several statements without values."""
        try:
            self._connection.execute(statements.encode())
        except psycopg.Error as error:
            raise self._explained(error) from error

    @property
    def in_transaction(self) -> bool:
        status = self._connection.info.transaction_status
        return status in (psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)

    def close(self) -> None:
        self._connection.close()

    def _explained(self, error: psycopg.Error) -> StoreError:
        return StoreError(f"{self._server} can't be used: {reason(error)}. Nothing was changed; try again.")


class AdvisoryLock:
    """A lock of the database, by a connection of its own. It is free when that ends."""

    def __init__(self, connection: PostgresConnection, name: str) -> None:
        self.path = Path(name)
        self._connection = connection

    def free(self, *, remove: bool = False) -> None:  # noqa: ARG002 - as the lock on a file has it
        """Give it back. Never raises."""
        self._connection.close()


def url() -> str:
    """The database's address. Raises `StoreError` for what is none."""
    text = os.environ.get(DATABASE_VARIABLE, "").strip()
    try:
        driver = make_url(text).drivername
    except ArgumentError:
        driver = ""
    if driver != "postgresql+psycopg":
        raise StoreError(
            f"{DATABASE_VARIABLE} has to be postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE."
        )
    return text


def connect(folder: Path) -> PostgresConnection:
    """A connection to the database, whose tables are made, or brought up to date, first. Raises `StoreError`."""
    address = url()
    connection = PostgresConnection(address)
    try:
        secret = files.Cipher(folder).fingerprint
        with _checking:
            if (address, secret) not in _checked:
                _prepare(connection, address, secret)
                _checked.add((address, secret))
    except BaseException:
        connection.close()
        raise
    return connection


def take(*names: str) -> AdvisoryLock | None:
    """The first of the locks of these names that is free; None while other sessions have them. Raises `StoreError`."""
    connection = PostgresConnection(url())
    try:
        for name in names:
            row = connection.execute("SELECT pg_try_advisory_lock(?)", (number_of(name),)).fetchone()
            if row is not None and row[0]:
                return AdvisoryLock(connection, name)
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def end_sessions_of(name: str) -> None:
    """End all sessions of the process that holds the lock of this name, if it is one of ours. Raises `StoreError`."""
    number = number_of(name) % 2**64
    connection = PostgresConnection(url())
    try:
        connection.execute(
            "SELECT pg_terminate_backend(theirs.pid) FROM pg_locks"
            " JOIN pg_stat_activity AS holding ON holding.pid = pg_locks.pid"
            " JOIN pg_stat_activity AS theirs ON theirs.application_name = holding.application_name"
            " WHERE locktype = 'advisory' AND classid::bigint = ? AND objid::bigint = ? AND granted"
            " AND theirs.datname = current_database() AND starts_with(holding.application_name, ?)",
            (number >> 32, number % 2**32, _PROGRAM),
        )
    finally:
        connection.close()


def share(name: str) -> AdvisoryLock:
    """The lock of this name, together with others that share it. Raises `StoreError`."""
    connection = PostgresConnection(url())
    try:
        connection.execute("SELECT pg_advisory_lock_shared(?)", (number_of(name),))
    except BaseException:
        connection.close()
        raise
    return AdvisoryLock(connection, name)


def number_of(name: str) -> int:
    """The number by which the database knows a lock."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def shown(address: str) -> str:
    """The database's address without its password."""
    parts = make_url(address)
    return f"The database {parts.database} on {parts.host or 'this machine'}"


def _prepare(connection: PostgresConnection, address: str, secret: str) -> None:
    """Make the tables or bring them up to date, once however many processes start, and compare the key."""
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))
        revisions: list[tuple[str]] = []
        if connection.execute("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL").fetchone():
            revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        if revisions != [(schema.REVISION,)]:
            from host.local.migrate_server import bring_up_to_date  # once in the life of a database

            bring_up_to_date(address)
        jobs_schema.bring_up_to_date(connection)
        known = connection.execute("SELECT secret FROM key_check").fetchall()
        if not known:
            connection.execute("INSERT INTO key_check (secret) VALUES (?)", (secret,))
        elif known != [(secret,)]:
            raise StoreError(
                f"{shown(address)} is used with another key. Give this machine the key file of the others "
                f"({files.KEY_VARIABLE})."
            )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def session_options() -> dict[str, Any]:
    """How every connection of this program is made."""
    return {
        "application_name": session_name(),
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": GONE_SECONDS * 1000,
        "options": _KEEPALIVES,
    }


def conninfo(address: str) -> str:
    """The database's address as its client library has it."""
    return make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)


def _in_its_words(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def reason(error: BaseException) -> str:
    """Why, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
