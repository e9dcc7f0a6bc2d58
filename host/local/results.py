"""A run's result in SOAR's shape; what of it is recorded, and for how long: settings of the environment.

Two things outlive a run that is kept no longer: a mail of which nobody knows what became of it, until a person has
resolved it; and an idempotency key with its mail's result, for thirty days.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from actions import report as reports
from actions.contract import Report
from delivery.asset import Asset
from delivery.attempt import Attempt, Facts
from host.local.files import StoreError, timestamp
from host.local.sql import Connection, transaction
from smtp.errors import Category, SmtpError, Step
from smtp.outcome import Delivery, RecipientDelivery, Status

Document = dict[str, Any]

KEY_DAYS = 30
"""For so long an idempotency key is remembered, however long runs are kept."""
RESUMABLE_DAYS = 1.0
"""For so long, at least, a run that was cancelled is kept: it can be resumed."""
_STAMP = "pruned"
_ALL = 2**31 - 1
_MOST = 1000
"""Runs that the end of another run takes the time for."""
RECORD = "SMTP_CONNECTOR_RECORD"
KEEP_DAYS = "SMTP_CONNECTOR_KEEP_DAYS"
MOST_DAYS = 36_500
_DEFAULT_DAYS = 30.0
_LARGE = 4096
"""Octets of a text from which on its size and digest are recorded instead."""
_CONTENTS = frozenset(
    {
        *("body", "html_body", "text_body", "raw_email", "description", "template_values", "transient_files"),
        *("text", "html", "eml"),
    }
)
"""The parameters, and the keys of a preview, that hold what a mail says, rather than to whom and how it goes."""
_PIECE = 1 << 20
LOST = "the process that sent it ended before the server's answer was known"


def document(
    identifier: str, results: Sequence[Document], success: bool = True, message: str = ""
) -> Document:
    """The whole of it. `success` and `message` are the run's own, beside those of its results."""
    good, total = [one["status"] for one in results].count("success"), len(results)
    return {
        "identifier": identifier,
        "status": "success" if success and good == total else "failed",
        "message": message or joint_message(results),
        "result_data": list(results),
        "result_summary": {"total_objects": total, "total_objects_successful": good},
    }


def succeeded(result: Mapping[str, Any]) -> bool:
    """Whether every parameter set of the run did what was asked."""
    return result["status"] == "success" and all(one["status"] == "success" for one in result["result_data"])


def joint_message(results: Sequence[Mapping[str, Any]]) -> str:
    """One message for them all."""
    if len(results) == 1:
        return str(results[0]["message"])
    failed = next((result["message"] for result in results if result["status"] != "success"), "")
    good = [result["status"] for result in results].count("success")
    text = f"{good} of {len(results)} succeeded"
    return f"{text}. The first that failed: {failed}" if failed else text


def keep_days() -> float:
    """For how many days an ended run is kept; 0: not at all. Raises `StoreError`."""
    text = os.environ.get(KEEP_DAYS, "").strip()
    try:
        days = float(text) if text else _DEFAULT_DAYS
    except ValueError:
        days = math.nan
    if not 0 <= days <= MOST_DAYS:
        raise StoreError(f"{KEEP_DAYS} is {text!r:.40}: give a number of days from 0 to {MOST_DAYS}.")
    return days


def recorded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter set, or an object of a result's data, as it is kept.

    Of a large content that is its size in octets and its SHA-256 alone. Raises `StoreError`.
    """
    wanted = os.environ.get(RECORD, "").strip().lower()
    if wanted not in ("", "full"):
        raise StoreError(f"{RECORD} is {wanted!r:.40}: give full, or leave it empty.")
    kept = dict(parameters)
    if wanted == "full":
        return kept
    for name in _CONTENTS & kept.keys():
        text = kept[name] if isinstance(kept[name], str) else json.dumps(kept[name])
        # Four octets are the most that a character takes: few texts have to be encoded to know how long they are.
        if len(text) > _LARGE or (len(text) * 4 > _LARGE and len(text.encode(errors="replace")) > _LARGE):
            kept[name] = _digest(text)
    return kept


def if_lost(attempt: Attempt, asset: Asset) -> Report:
    """What stands if nothing more is heard of a message that is about to be sent."""
    message = attempt.message
    assert message is not None  # noqa: S101 - it is about to be sent
    lost = Delivery(
        tuple([RecipientDelivery(one, Status.UNKNOWN, None, False) for one in message.envelope.recipients]),
        None,
        SmtpError(LOST, step=Step.END, category=Category.CANCELLED),
    )
    server = Facts(attempt.facts.server or f"{asset.login.server}:{asset.login.port}")
    supposed = Attempt(attempt.outgoing, attempt.position, message=message, delivery=lost, facts=server)
    supposed.started = attempt.started
    return reports.report(supposed, asset)


def as_result(report: Report) -> dict[str, Any]:
    """An action result without its parameters, as it is recorded."""
    status = "success" if report.success else "failed"
    data = [recorded(item) for item in report.data]
    return {"status": status, "message": report.message, "data": data, "summary": dict(report.summary)}


def _digest(text: str) -> dict[str, Any]:
    """A piece at a time: a raw mail may be all that fits into memory."""
    digest, size = sha256(), 0
    for start in range(0, len(text), _PIECE):
        octets = text[start : start + _PIECE].encode(errors="surrogatepass")
        digest.update(octets)
        size += len(octets)
    return {"size": size, "sha256": digest.hexdigest()}


class Pruned(NamedTuple):
    """How many runs and mails went."""

    runs: int
    mails: int


def prune(connection: Connection, most: int = _ALL) -> Pruned:
    """Let runs go that have been kept for long enough, all or so many. Raises `StoreError`, `sqlite3.Error`."""
    days = keep_days()
    kept, keys = timestamp(days_ago=days), timestamp(days_ago=KEY_DAYS)
    cancelled = timestamp(days_ago=max(days, RESUMABLE_DAYS))
    with transaction(connection):
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS old (id INTEGER PRIMARY KEY)")
        connection.execute("DELETE FROM old")
        connection.execute(
            "INSERT INTO old SELECT id FROM run WHERE state NOT IN ('running', 'submitting', 'paused')"
            # A worker may still have mails of one that was cancelled.
            " AND kept_since <= CASE WHEN state = 'cancelled' THEN ? ELSE ? END"
            " AND NOT EXISTS (SELECT 1 FROM due WHERE due.run_id = run.id AND holder != '')"
            " ORDER BY id LIMIT ?",
            (cancelled, kept, most),
        )
        mails = connection.execute(
            "DELETE FROM mail WHERE run_id IN (SELECT id FROM old) AND state != 'unknown'"
            " AND (key_hash IS NULL OR state IN ('not sent', 'cancelled') OR committed_at < ?)",
            (keys,),
        ).rowcount
        connection.execute(
            "UPDATE mail SET asked = NULL WHERE run_id IN (SELECT id FROM old) AND state != 'unknown'"
            " AND asked IS NOT NULL"
        )
        connection.execute("DELETE FROM due WHERE run_id IN (SELECT id FROM old)")
        connection.execute(
            "DELETE FROM durable WHERE run_id IN (SELECT id FROM old) AND run_id NOT IN (SELECT run_id FROM mail)"
        )
        runs = connection.execute(
            "DELETE FROM run WHERE id IN (SELECT id FROM old) AND id NOT IN (SELECT run_id FROM mail)"
        ).rowcount
    return Pruned(runs, mails)


def prune_now_and_then(connection: Connection, folder: Path) -> None:
    """The same when a run has ended: at most once a day, and always where nothing is to be kept."""
    stamp = folder / _STAMP
    with suppress(OSError):  # there is none yet
        if time.time() - stamp.stat().st_mtime <= 24 * 60 * 60 and keep_days() > 0:
            return
    prune(connection, _MOST)
    with suppress(OSError):  # then it is done again after the next run
        stamp.touch(mode=0o600)
