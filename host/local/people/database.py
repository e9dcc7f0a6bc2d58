"""The database of people: a file of its own beside the ledger's, which no action run waits for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from host.local.files import StoreError, private_folder
from host.local.sql import BUSY_TIMEOUT, faults_named, newer, transaction

FILE = "people.db"
VERSION = 2
_STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS user (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name VARCHAR COLLATE NOCASE NOT NULL UNIQUE,
        password VARCHAR NOT NULL,
        role VARCHAR NOT NULL,
        create_time VARCHAR NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS session (
        hash BLOB NOT NULL PRIMARY KEY,
        user_id INTEGER,
        name VARCHAR NOT NULL,
        role VARCHAR NOT NULL,
        began REAL NOT NULL,
        seen REAL NOT NULL,
        made REAL NOT NULL,
        ends REAL NOT NULL,
        FOREIGN KEY (user_id) REFERENCES user (id) ON DELETE CASCADE
    )""",
    """CREATE TABLE IF NOT EXISTS token (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name VARCHAR NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        role VARCHAR NOT NULL,
        create_time VARCHAR NOT NULL,
        expires VARCHAR NOT NULL,
        last_used VARCHAR NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS audit (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        time VARCHAR NOT NULL,
        who VARCHAR NOT NULL,
        what VARCHAR NOT NULL,
        target VARCHAR NOT NULL,
        detail BLOB
    )""",
    """CREATE TABLE IF NOT EXISTS story (
        run INTEGER NOT NULL PRIMARY KEY,
        told BLOB NOT NULL,
        time VARCHAR NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS part (
        action_run INTEGER NOT NULL,
        run INTEGER NOT NULL PRIMARY KEY,
        name VARCHAR NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS approval (
        key_hash BLOB NOT NULL PRIMARY KEY,
        content BLOB NOT NULL,
        code_hash BLOB NOT NULL UNIQUE,
        request BLOB NOT NULL,
        state VARCHAR NOT NULL,
        ends REAL NOT NULL,
        run INTEGER NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS identity (
        issuer VARCHAR NOT NULL,
        subject VARCHAR NOT NULL,
        user_id INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (issuer, subject),
        FOREIGN KEY (user_id) REFERENCES user (id) ON DELETE CASCADE
    )""",
    "CREATE INDEX IF NOT EXISTS ix_part_action_run ON part (action_run)",
    f"PRAGMA user_version = {VERSION}",
)


# Tables are only ever added, so that a file of an older version gets those that it lacks.


class PeopleDatabase:
    """Transactions over the file, which is made when it is first used. Every method raises `StoreError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all; on the disk when it ends."""
        with self._opened() as connection, transaction(connection):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Statements that change nothing."""
        with self._opened() as connection:
            yield connection

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        private_folder(self.folder)
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"{self.path} can't be made: {error.strerror}.") from error
        with (
            faults_named(self.path),
            closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA foreign_keys = ON")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise StoreError(newer(self.path))
            if version < VERSION:
                connection.execute("PRAGMA journal_mode = WAL")
                with transaction(connection):
                    for statement in _STATEMENTS:
                        connection.execute(statement)
            yield connection
