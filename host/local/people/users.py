"""Local users: a name, a password kept as Argon2id, and a role."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass

from host.local.files import StoreError, timestamp
from host.local.inputs import InputError
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
_LONGEST_NAME = 100
_HASHING = threading.BoundedSemaphore(2)
"""Argon2 takes 64 MiB each time: many who guess at once must not take the machine's memory."""


@dataclass(frozen=True, slots=True)
class User:
    """`has_password` is False for one who signs in at a provider of OpenID Connect."""

    id: int
    name: str
    role: Role
    create_time: str
    has_password: bool


class Users:
    """Every method raises `StoreError`; `InputError` for what is not allowed, with nothing changed."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def add(self, name: str, password: str, role: Role) -> User:
        """A new user. A user without a password ("") signs in elsewhere (OpenID Connect)."""
        _check_name(name)
        hashed = _hashed(password) if password else ""
        try:
            with self._database.writing() as connection:
                row = connection.execute(
                    "INSERT INTO user (name, password, role, create_time) VALUES (?, ?, ?, ?)",
                    (name, hashed, role.value, timestamp()),
                )
                number = row.lastrowid or 0
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise InputError(f"There is a user {name} already.") from error
            raise
        return self.get(number)

    def get(self, number: int) -> User:
        """Raises `InputError` where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, name, role, create_time, password FROM user WHERE id = ?", (number,)
            ).fetchone()
        if row is None:
            raise InputError("There is no such user.")
        return _user(row)

    def list(self) -> tuple[User, ...]:
        """All of them, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, name, role, create_time, password FROM user ORDER BY name"
            ).fetchall()
        return tuple(_user(row) for row in rows)

    def find(self, name: str) -> Person | None:
        """The user of that name, case ignored."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT id, name, role FROM user WHERE name = ?", (name,)).fetchone()
        return None if row is None else Person(row[1], Role(row[2]), row[0])

    def check(self, name: str, password: str) -> Person | None:
        """Who has this name and password; None, after the same time, for a wrong name as for a wrong password."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, name, role, password FROM user WHERE name = ?", (name[:_LONGEST_NAME],)
            ).fetchone()
        known = row[3] if row is not None and row[3] else _nobodys_password()
        if not _is_right(known, password[:LONGEST_PASSWORD]) or row is None or not row[3]:
            return None
        return Person(row[1], Role(row[2]), row[0])

    def of_identity(self, issuer: str, subject: str, name: str) -> Person | None:
        """The user whom a provider knows by this subject; None where there is none.

        The first who is called like a user without a password is that user from then on, whatever the provider calls
        whom later. A user who has a password is nobody of a provider's.
        """
        with self._database.writing() as connection:
            known = connection.execute(
                "SELECT user.id, name, role FROM identity JOIN user ON user.id = user_id"
                " WHERE issuer = ? AND subject = ?",
                (issuer, subject),
            ).fetchone()
            if known is None:
                known = connection.execute(
                    "SELECT id, name, role FROM user WHERE name = ? AND password = ''"
                    " AND NOT EXISTS (SELECT 1 FROM identity WHERE user_id = user.id)",
                    (name,),
                ).fetchone()
                if known is not None:
                    connection.execute(
                        "INSERT INTO identity (issuer, subject, user_id) VALUES (?, ?, ?)",
                        (issuer, subject, known[0]),
                    )
        return None if known is None else Person(known[1], Role(known[2]), known[0])

    def change_password(self, number: int, password: str) -> None:
        """Give a user another password, and end the user's sessions."""
        hashed = _hashed(password)
        with self._database.writing() as connection:
            connection.execute("UPDATE user SET password = ? WHERE id = ?", (hashed, number))
            connection.execute("DELETE FROM session WHERE user_id = ?", (number,))

    def change_role(self, number: int, role: Role) -> None:
        """What the user may do from the next request on."""
        with self._database.writing() as connection:
            self._keep_an_administrator(connection, number, role)
            connection.execute("UPDATE user SET role = ? WHERE id = ?", (role.value, number))

    def remove(self, number: int) -> None:
        """Forget a user; the user's sessions end with it."""
        with self._database.writing() as connection:
            self._keep_an_administrator(connection, number, Role.VIEWER)
            connection.execute("DELETE FROM user WHERE id = ?", (number,))

    def _keep_an_administrator(self, connection: sqlite3.Connection, number: int, role: Role) -> None:
        """Raises `InputError` where nobody would be left who can change anything."""
        others = connection.execute(
            "SELECT count(*) FROM user WHERE role = ? AND id != ?", (Role.ADMINISTRATOR.value, number)
        ).fetchone()[0]
        everybody = connection.execute("SELECT count(*) FROM user WHERE id != ?", (number,)).fetchone()[0]
        if role is not Role.ADMINISTRATOR and not others and everybody:
            raise InputError("This is the last administrator: make somebody else one first.")


def _user(row: tuple[int, str, str, str, str]) -> User:
    return User(row[0], row[1], Role(row[2]), row[3], bool(row[4]))


def _check_name(name: str) -> None:
    if not name.strip() or name != name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(f"A user's name is 1 to {_LONGEST_NAME} printable characters.")


def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(f"A password has at least {SHORTEST_PASSWORD} characters.")
    from argon2 import PasswordHasher

    with _HASHING:
        return PasswordHasher().hash(password)


def _is_right(known: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        with _HASHING:
            return PasswordHasher().verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False


def _nobodys_password() -> str:
    """A hash that no password has, as expensive to compare with as a real one."""
    return "$argon2id$v=19$m=65536,t=3,p=4$c21wdC1jb25uZWN0b3ItLQ$Zm9yLW5vYm9keS1mb3Itbm9ib2R5LWZvci1ub2JvZHk"
