"""What the ledger asks of a connection to its database. `sqlite3.Connection` has it, and so has PostgreSQL's here.

Statements are in the words that both understand, with `?` for each value.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

VARIABLE = "SMTP_CONNECTOR_DATABASE"
"""Names a PostgreSQL server's database, for several machines: `postgresql+psycopg://…`."""


def is_server() -> bool:
    """Whether the database is a PostgreSQL server's, and not the data folder's own."""
    return bool(os.environ.get(VARIABLE, "").strip())


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
