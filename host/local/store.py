"""The database of the data folder: its tables, and transactions that several processes may run at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, String, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from host.local import cipher
from host.local.files import StoreError, private_folder, reason

SCHEMA_VERSION = 1
BUSY_TIMEOUT = 30.0
"""Seconds to wait for other processes' transactions, each of which takes milliseconds."""


class Base(DeclarativeBase):
    pass


class AssetRow(Base):
    __tablename__ = "asset"
    # Ids are never given twice, so that a new asset can't come by what was remembered for a removed one.
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(collation="NOCASE"), unique=True)
    config: Mapped[bytes]
    """All fields, encrypted: a secret under a misspelt name is one too."""
    create_time: Mapped[str]


class VaultRow(Base):
    __tablename__ = "vault"
    id: Mapped[int] = mapped_column(primary_key=True)
    vault_id: Mapped[str] = mapped_column(index=True)
    container_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int]
    create_time: Mapped[str]


class RunRow(Base):
    __tablename__ = "run"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(unique=True)
    """What the run was called in the spool: it can't be taken over twice."""
    action: Mapped[str]
    asset: Mapped[str]
    container_id: Mapped[str]
    parameters: Mapped[str]
    status: Mapped[str]
    message: Mapped[str]
    result: Mapped[str]
    start_time: Mapped[str]
    end_time: Mapped[str]


class Store:
    """SQLite in write-ahead mode: readers never wait, writers wait for each other. Made when first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / cipher.DATABASE

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that changes nothing. Raises `StoreError`."""
        with self._faults_named(), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction, whole or not at all. Raises `StoreError`; `IntegrityError` for a name twice."""
        with self._faults_named():
            # Taking the write lock at once lets the busy timeout work: a reader that turns writer half-way
            # would be refused instead of waiting.
            engine = self._engine.execution_options(writes=True)
            with Session(engine) as session, session.begin():
                yield session

    @cached_property
    def _engine(self) -> Engine:
        from filelock import FileLock, Timeout

        private_folder(self._folder)
        cipher.ensure_key(self._folder)
        try:
            with FileLock(self._folder / "store.lock", timeout=BUSY_TIMEOUT, mode=0o600):
                if not self._path.exists():
                    _create(self._path)
        except Timeout as error:
            raise StoreError(f"{self._path} is being made by another process; try again.") from error
        except OSError as error:
            raise StoreError(f"The data folder {self._folder} can't be written: {reason(error)}.") from error
        engine = _engine(self._path)
        with engine.connect() as connection:
            self._check_version(connection.exec_driver_sql("PRAGMA user_version").scalar())
        return engine

    def _check_version(self, version: object) -> None:
        if version == SCHEMA_VERSION:
            return
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise StoreError(f"{self._path} was made by a newer version of this program. Use that one.")
        raise StoreError(self._damaged("it is empty, or not a database of this program"))

    @contextmanager
    def _faults_named(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(self._explain(getattr(error, "orig", error))) from error

    def _explain(self, error: object) -> str:
        name, text = getattr(error, "sqlite_errorname", ""), str(error)
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return self._damaged(text)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return (
                f"{self._path} was in use elsewhere for {BUSY_TIMEOUT:g} s. Nothing was changed; try again."
            )
        return (
            f"{self._path} can't be used: {text}. Nothing was changed. Check its permissions and free space."
        )

    def _damaged(self, why: str) -> str:
        return (
            f"{self._path} is damaged ({why}). Nothing was changed. Restore it from a backup, or move it and "
            f"{cipher.KEY_FILE} away to start anew."
        )


def _engine(path: Path) -> Engine:
    # No pool: a process does a transaction or two, and a connection carried over a fork is harmful.
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT})

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _create(path: Path) -> None:
    """Make the database under another name and rename it, so that one that is there is always complete."""
    beside = path.with_name("store.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)  # SQLite gives its side files the mode of the database
    with closing(sqlite3.connect(beside)) as plain:
        plain.execute(
            "PRAGMA journal_mode = WAL"
        )  # remembered in the file; not possible inside a transaction
    with _engine(beside).begin() as connection:
        Base.metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    beside.rename(path)
