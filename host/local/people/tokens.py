"""Tokens for programs: named, with an end, and kept as their SHA-256 alone."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from host.local.files import timestamp
from host.local.inputs import InputError
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role

DAYS = 90
MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Token:
    """`last_used` is "" before its first use."""

    id: int
    name: str
    role: Role
    create_time: str
    expires: str
    last_used: str

    @property
    def has_expired(self) -> bool:
        return self.expires <= timestamp()


class Tokens:
    """Every method raises `StoreError`."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def make(self, name: str, role: Role, days: float = DAYS) -> str:
        """A new token; its text is known now and never again. Raises `InputError`."""
        if not 1 <= len(name.strip()) <= 100 or not name.isprintable():
            raise InputError("A token's name is 1 to 100 printable characters.")
        if not 0 < days <= MOST_DAYS:
            raise InputError(f"A token lives for more than 0 and at most {MOST_DAYS} days.")
        text = secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO token (name, hash, role, create_time, expires, last_used) VALUES (?, ?, ?, ?, ?, '')",
                (name.strip(), _hash(text), role.value, timestamp(), timestamp(days_ago=-days)),
            )
        return text

    def find(self, text: str) -> Person | None:
        """Whose token it is; None for one that isn't known or has expired."""
        now = timestamp()
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, name, role, last_used FROM token WHERE hash = ? AND expires > ?",
                (_hash(text), now),
            ).fetchone()
        if row is None:
            return None
        if row[3][:16] != now[:16]:  # once a minute is enough
            with self._database.writing() as connection:
                connection.execute("UPDATE token SET last_used = ? WHERE id = ?", (now, row[0]))
        return Person(f"token {row[1]}", Role(row[2]))

    def list(self) -> tuple[Token, ...]:
        """All of them, the newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, name, role, create_time, expires, last_used FROM token ORDER BY id DESC"
            ).fetchall()
        return tuple(Token(row[0], row[1], Role(row[2]), *row[3:]) for row in rows)

    def remove(self, number: int) -> None:
        """From now on it opens nothing."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM token WHERE id = ?", (number,))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
