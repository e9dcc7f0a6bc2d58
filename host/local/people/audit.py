"""Who did what: a line for each run and each change, which nobody can change from the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host.local import files
from host.local.files import Cipher, timestamp
from host.local.people.database import PeopleDatabase


@dataclass(frozen=True, slots=True)
class AuditLine:
    id: int
    time: str
    who: str
    what: str
    target: str
    detail: Mapping[str, Any]


class Audit:
    """Details are encrypted, as recorded runs are: they may name recipients. Every method raises `StoreError`."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def write(self, who: str, what: str, target: str = "", **detail: Any) -> None:
        """One line, on the disk when this returns."""
        sealed = None
        if detail:
            files.ensure_key(self._database.folder)
            sealed = Cipher(self._database.folder).encrypt(detail)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO audit (time, who, what, target, detail) VALUES (?, ?, ?, ?, ?)",
                (timestamp(), who, what, target, sealed),
            )

    def list(self, limit: int = 200) -> tuple[AuditLine, ...]:
        """The latest lines, the last one first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, time, who, what, target, detail FROM audit ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        secret = Cipher(self._database.folder) if any(row[5] is not None for row in rows) else None
        return tuple(
            AuditLine(
                number,
                time,
                who,
                what,
                target,
                secret.decrypt(sealed, f"Audit line {number}") if secret is not None and sealed else {},
            )
            for number, time, who, what, target, sealed in rows
        )
