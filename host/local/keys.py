"""Idempotency keys in the database: a key belongs to one mail of an action and an asset, which is sent once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from actions.contract import KeyInProgress, KeyOfOtherContent, Report
from delivery.asset import Asset
from host.local import holders, locks
from host.local.files import Cipher, timestamp
from host.local.results import KEY_DAYS
from host.local.sql import Connection

SENT_OR_UNKNOWN = frozenset({"sent", "partly sent", "unknown"})
"""The states of mails that are not sent again for their key. One that was not sent leaves its key to the next."""
_UNDER_WAY = frozenset({"waiting", "claimed", "committed"})


class _Owner(NamedTuple):
    """A mail that has an idempotency key."""

    run_id: int
    position: int
    state: str
    content: bytes
    result: bytes


def scope(action: str, asset_id: str, asset: Asset) -> tuple[Any, ...]:
    """What a key is unique for: the action and the asset, or the account of one that is not stored."""
    if asset_id:
        return action, asset_id
    return action, asset.server, asset.port, asset.username


def claim(
    connection: Connection,
    folder: Path,
    cipher: Cipher,
    mail: tuple[int, int],
    key: tuple[tuple[Any, ...], str],
    content: bytes,
) -> Report | None:
    """Let this mail (run and position) have the key (scope and key), unless one had it that was or may have been sent.

    Returns the report of that one, whose key's hash is this mail's `content` then: it is settled together with it.
    Within a transaction. Raises `KeyInProgress` and `KeyOfOtherContent`.
    """
    whole_key = cipher.mac(json.dumps([*key[0], key[1]]).encode())
    same = cipher.mac(content)
    if not isinstance(connection, sqlite3.Connection):  # which has one writer at a time
        number = int.from_bytes(whole_key[:8], "big", signed=True)
        connection.execute("SELECT pg_advisory_xact_lock(?)", (number,))
    earlier = _owner_of(whole_key, connection, folder)
    if earlier is not None and (earlier.run_id, earlier.position) != mail:
        if earlier.content != same:
            raise KeyOfOtherContent
        if earlier.state not in SENT_OR_UNKNOWN:
            raise KeyInProgress
        connection.execute(
            "UPDATE mail SET content = ? WHERE run_id = ? AND position = ?", (whole_key, *mail)
        )
        told = cipher.decrypt(earlier.result, "The result of the mail with this idempotency_key")
        data = [{**item, "repeated": True} for item in told["data"]]
        return Report(told["status"] == "success", told["message"], data, told["summary"])
    connection.execute("UPDATE mail SET key_hash = NULL, content = NULL WHERE key_hash = ?", (whole_key,))
    connection.execute(
        "UPDATE mail SET key_hash = ?, content = ? WHERE run_id = ? AND position = ?",
        (whole_key, same, *mail),
    )
    return None


def _owner_of(key_hash: bytes, connection: Connection, folder: Path) -> _Owner | None:
    """The mail that has the key; None if nobody has it any more. Within a transaction."""
    look = (
        "SELECT mail.run_id, mail.position, mail.state, content, result, committed_at, run.holder, due.holder"
        " FROM mail JOIN run ON run.id = mail.run_id"
        " LEFT JOIN due ON due.run_id = mail.run_id AND due.position = mail.position WHERE key_hash = ?"
    )
    row = connection.execute(look, (key_hash,)).fetchone()
    if row is not None and row[2] in _UNDER_WAY and _settle_if_gone(row, connection, folder):
        row = connection.execute(look, (key_hash,)).fetchone()
    if row is None:
        return None
    owner = _Owner(row[0], row[1], row[2], bytes(row[3]), row[4])
    if owner.state in _UNDER_WAY:
        return owner
    is_old = row[5] < timestamp(days_ago=KEY_DAYS)
    return owner if owner.state in SENT_OR_UNKNOWN and not is_old else None


def _settle_if_gone(row: Any, connection: Connection, folder: Path) -> bool:
    """Settle the mails of a process that is gone, and say whether it was."""
    run_id, of_run, of_mail = row[0], row[6], row[7]
    if of_mail is None:  # of a direct run
        if not of_run or locks.is_alive(folder, of_run):
            return False
        holders.settle(connection, run_id)
        return True
    if not of_mail or locks.is_alive(folder, of_mail):
        return False
    holders.settle_work(connection, of_mail)
    return True
