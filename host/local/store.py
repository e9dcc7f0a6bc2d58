"""The database of the data folder: its tables, and transactions that several processes may run at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from host.local import database, files
from host.local.engine import engine_of, engine_of_server, faults_of_sqlalchemy_named


class Store:
    """SQLite in write-ahead mode: readers never wait, writers wait for each other. Made when first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / files.DATABASE

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that changes nothing. Raises `StoreError`."""
        with faults_of_sqlalchemy_named(self._path), Session(self._engine) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction, whole or not at all. Raises `StoreError`; `IntegrityError` for a name twice."""
        with faults_of_sqlalchemy_named(self._path):
            # Taking the write lock at once lets the busy timeout work: a reader that turns writer half-way
            # would be refused instead of waiting.
            engine = self._engine.execution_options(writes=True)
            with Session(engine) as session, session.begin():
                yield session

    @cached_property
    def _engine(self) -> Engine:
        database.connect(self._folder).close()  # makes it, or brings it up to date
        if files.is_server():
            from host.local.postgres import url  # who has the folder's own database need not have its client

            return engine_of_server(url())
        return engine_of(self._path)
