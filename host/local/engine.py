"""SQLAlchemy over the database file of the data folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError

from host.local import files, sql
from host.local.files import StoreError


@contextmanager
def faults_of_sqlalchemy_named(path: Path) -> Iterator[None]:
    """What SQLAlchemy raises becomes a `StoreError` that says what to do; an `IntegrityError` stays what it is."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        if files.is_server():
            raise StoreError(f"The database can't be used: {error.orig}. Nothing was changed.") from error
        raise StoreError(sql.explain(path, error.orig)) from error


def engine_of_server(address: str) -> Engine:
    """SQLAlchemy over a PostgreSQL server's database."""
    return create_engine(address, poolclass=NullPool)


def engine_of(path: Path) -> Engine:
    """SQLAlchemy over a database that is there."""
    # No pool: a process does a transaction or two, and a connection carried over a fork is harmful.

    def connect() -> sqlite3.Connection:
        return sql.opened(path)

    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
