"""Sessions of the console: in the database, so that they outlive a restart and can be ended by others.

A browser holds a random text, and the database its SHA-256. It is replaced every hour while it is used; the one before
works for another minute, for requests that were under way. A session ends after two hours without a request, and after
twelve in any case.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role

IDLE = 2 * 3600.0
ABSOLUTE = 12 * 3600.0
ROTATE = 3600.0
GRACE = 60.0
_SEEN = 60.0
"""Seconds between two times that a session's last use is written down."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who it is, and the text to hold from now on: another one than before when it was replaced."""

    person: Person
    text: str
    began: float


class Sessions:
    """Every method raises `StoreError`. `clock` gives seconds since 1970."""

    def __init__(self, database: PeopleDatabase, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def begin(self, person: Person) -> str:
        """A new session; what the browser is to hold."""
        now, text = self._clock(), secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM session WHERE ends <= ? OR seen <= ?", (now, now - IDLE))
            connection.execute(
                "INSERT INTO session (hash, user_id, name, role, began, seen, made, ends)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    _hash(text),
                    person.user_id or None,
                    person.name,
                    person.role.value,
                    now,
                    now,
                    now,
                    now + ABSOLUTE,
                ),
            )
        return text

    def find(self, text: str) -> Session | None:
        """The session of this text, unless it has ended. A user's name and role are those of now."""
        now = self._clock()
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT session.user_id, coalesce(user.name, session.name), coalesce(user.role, session.role), began,"
                " seen, made, ends FROM session LEFT JOIN user ON user.id = session.user_id WHERE hash = ?",
                (_hash(text),),
            ).fetchone()
        if row is None:
            return None
        user_id, name, role, began, seen, made, ends = row
        if now >= ends or now - seen >= IDLE:
            return None
        person = Person(name, Role(role), user_id or 0)
        if now - made >= ROTATE and ends - now > GRACE:
            return Session(person, self._replace(text, now), began)
        if now - seen >= _SEEN:
            with self._database.writing() as connection:
                connection.execute("UPDATE session SET seen = ? WHERE hash = ?", (now, _hash(text)))
        return Session(person, text, began)

    def end(self, text: str) -> None:
        """Sign out."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM session WHERE hash = ?", (_hash(text),))

    def _replace(self, text: str, now: float) -> str:
        new = secrets.token_urlsafe(32)
        with self._database.writing() as connection:
            copied = connection.execute(
                "INSERT INTO session (hash, user_id, name, role, began, seen, made, ends)"
                " SELECT ?, user_id, name, role, began, ?, ?, ends FROM session WHERE hash = ?",
                (_hash(new), now, now, _hash(text)),
            )
            # What is left of the old one: a minute, in which it is not replaced again.
            connection.execute(
                "UPDATE session SET ends = ?, made = ? WHERE hash = ?", (now + GRACE, now, _hash(text))
            )
        return new if copied.rowcount else text


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
