"""What was told while a run went on: its steps with their times, and the redacted dialogues with the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host.local import files
from host.local.files import Cipher, timestamp
from host.local.people.database import PeopleDatabase
from host.local.results import keep_days


@dataclass(frozen=True, slots=True)
class Parts:
    """The runs of an action run, and what it was called; "" for one that was given no name."""

    runs: tuple[int, ...]
    name: str


class Stories:
    """Kept encrypted, for as long as runs are. Every method raises `StoreError`."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def keep(self, run: int, told: dict[str, Any]) -> None:
        """Write down what was told of a run; what is too old goes."""
        days = keep_days()
        files.ensure_key(self._database.folder)
        sealed = Cipher(self._database.folder).encrypt(told)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM story WHERE time < ?", (timestamp(days_ago=days),))
            if days:
                connection.execute(
                    "INSERT OR REPLACE INTO story (run, told, time) VALUES (?, ?, ?)",
                    (run, sealed, timestamp()),
                )

    def get(self, run: int) -> dict[str, Any]:
        """What was told of the run; empty where nothing was kept."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT told FROM story WHERE run = ?", (run,)).fetchone()
        return {} if row is None else Cipher(self._database.folder).decrypt(row[0], f"The story of run {run}")

    def group(self, runs: Sequence[int], name: str) -> int:
        """Make one action run of several runs; its number is the first one's."""
        with self._database.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO part (action_run, run, name) VALUES (?, ?, ?)",
                [(runs[0], run, name) for run in runs],
            )
        return runs[0]

    def parts(self, action_run: int) -> Parts:
        """The runs of an action run: one, unless it was asked for on several assets."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT run, name FROM part WHERE action_run = ? ORDER BY run", (action_run,)
            ).fetchall()
        return Parts(tuple(row[0] for row in rows), rows[0][1]) if rows else Parts((action_run,), "")

    def names(self) -> dict[int, str]:
        """What action runs were called, of those that were given a name."""
        with self._database.reading() as connection:
            return dict(
                connection.execute("SELECT DISTINCT action_run, name FROM part WHERE name != ''").fetchall()
            )

    def groups(self) -> dict[int, int]:
        """The action run of each run that belongs to another one than its own number says."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT run, action_run FROM part WHERE run != action_run").fetchall()
        return dict(rows)
