"""What an agent wants to be sent, until a person has agreed to it: once for each key, and exactly that mail.

A request goes

    waiting -> approved -> taken

`waiting`: its code can be given to the console by a person. `approved`: the same request, asked for again, is carried
out. `taken`: it was carried out, as the run whose number is written down; asked for again, it is that run.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from host.local import files
from host.local.files import Cipher, timestamp
from host.local.inputs import InputError
from host.local.people.database import PeopleDatabase

LIFETIME = 3600.0
"""Seconds for which a code can be used, and an approval."""
_REMEMBERED = 30 * 86400.0
"""Seconds for which it is known that a key was used."""
WAITING, APPROVED, TAKEN = "waiting", "approved", "taken"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sent: which action over which asset, with what, under which key, who wants it, and why."""

    action: str
    asset: str
    parameters: Mapping[str, Any]
    key: str
    who: str
    reason: str

    @property
    def content(self) -> str:
        """A digest of what would be sent; the reason is no part of it."""
        text = json.dumps([self.action, self.asset, dict(self.parameters)], sort_keys=True)
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Approval:
    """What is known of a request. `run` is 0 before it was carried out."""

    state: str
    run: int


class Approvals:
    """Every method raises `StoreError`. `clock` gives seconds since 1970."""

    def __init__(self, database: PeopleDatabase, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def find(self, wanted: Wanted) -> Approval | None:
        """What became of this request so far. Raises `InputError` where another one has its key."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT content, state, run, ends FROM approval WHERE key_hash = ?", (_key(wanted),)
            ).fetchone()
        if row is None or (row[1] != TAKEN and row[3] <= self._clock()):
            return None
        if row[0] != wanted.content.encode():
            if row[1] == WAITING:
                return None  # nobody has agreed to it, so it may still be changed
            raise InputError("idempotency_key: another mail has this key. Give each mail a key of its own.")
        return Approval(row[1], row[2])

    def ask(self, wanted: Wanted) -> str:
        """A code by which a person finds this request, once; one that was given before works no more."""
        code = secrets.token_hex(5).upper()
        files.ensure_key(self._database.folder)
        request = {
            "action": wanted.action,
            "asset": wanted.asset,
            "parameters": dict(wanted.parameters),
            "key": wanted.key,
            "who": wanted.who,
            "reason": wanted.reason,
            "asked_at": timestamp(),
        }
        now = self._clock()
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM approval WHERE ends < ? AND (state != ? OR ends < ?)",
                (now, TAKEN, now - _REMEMBERED),
            )
            connection.execute(
                "INSERT OR REPLACE INTO approval (key_hash, content, code_hash, request, state, ends, run)"
                " VALUES (?, ?, ?, ?, ?, ?, 0)",
                (
                    _key(wanted),
                    wanted.content.encode(),
                    _hash(code),
                    Cipher(self._database.folder).encrypt(request),
                    WAITING,
                    now + LIFETIME,
                ),
            )
        return code

    def look(self, code: str) -> Wanted | None:
        """The request of this code, while it waits."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT request FROM approval WHERE code_hash = ? AND state = ? AND ends > ?",
                (_hash(code), WAITING, self._clock()),
            ).fetchone()
        if row is None:
            return None
        request = Cipher(self._database.folder).decrypt(row[0], "The request")
        return Wanted(*(request[name] for name in ("action", "asset", "parameters", "key", "who", "reason")))

    def approve(self, code: str) -> bool:
        """Agree to the request of this code; whether there was one."""
        return self._change(
            "UPDATE approval SET state = ? WHERE code_hash = ? AND state = ? AND ends > ?",
            (APPROVED, _hash(code), WAITING, self._clock()),
        )

    def refuse(self, code: str) -> bool:
        """Say no to the request of this code; whether there was one."""
        return self._change("DELETE FROM approval WHERE code_hash = ? AND state = ?", (_hash(code), WAITING))

    def take(self, wanted: Wanted) -> bool:
        """Begin to carry out an approved request; False if somebody else has, or nobody has agreed."""
        return self._change(
            "UPDATE approval SET state = ? WHERE key_hash = ? AND content = ? AND state = ? AND ends > ?",
            (TAKEN, _key(wanted), wanted.content.encode(), APPROVED, self._clock()),
        )

    def done(self, wanted: Wanted, run: int) -> None:
        """Write down which run carried it out."""
        self._change("UPDATE approval SET run = ? WHERE key_hash = ?", (run, _key(wanted)))

    def _change(self, statement: str, values: tuple[Any, ...]) -> bool:
        with self._database.writing() as connection:
            cursor: sqlite3.Cursor = connection.execute(statement, values)
            return cursor.rowcount == 1


def _key(wanted: Wanted) -> bytes:
    return _hash(json.dumps([wanted.action, wanted.asset, wanted.key]))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.strip().encode(errors="surrogatepass")).digest()
