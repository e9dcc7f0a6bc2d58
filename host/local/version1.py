"""Runs as version 1 recorded them, put into the tables of the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from host.local.files import Cipher, timestamp

_OUTCOMES = frozenset({"sent", "partly sent", "not sent", "unknown"})

Execute = Callable[[str, tuple[Any, ...]], object]
"""Runs a statement with its values."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One finished action run. `result` is the result JSON in SOAR's shape."""

    action: str
    asset: str
    container_id: str
    parameters: Sequence[Any]
    status: str
    message: str
    result: Mapping[str, Any]
    start_time: str
    end_time: str

    @classmethod
    def of_row(cls, row: Any) -> Self:
        """From version 1's table."""
        return cls(
            action=row["action"],
            asset=row["asset"],
            container_id=row["container_id"],
            parameters=json.loads(row["parameters"]),
            status=row["status"],
            message=row["message"],
            result=json.loads(row["result"]),
            start_time=row["start_time"],
            end_time=row["end_time"],
        )

    @classmethod
    def of_file(cls, data: bytes) -> Self:
        """From a file of version 1's spool. Raises `ValueError`, `TypeError` for a damaged one."""
        run = cls(**json.loads(data))
        if not isinstance(run.parameters, list) or not isinstance(run.result, dict):
            raise TypeError
        return run


def insert(execute: Execute, number: int | None, record_id: str, run: RecordedRun, cipher: Cipher) -> None:
    """Insert a run and its mails. With its number; None: the next one."""
    execute(
        "INSERT INTO run (id, record_id, action, asset, asset_id, container_id, holder, state, status, message,"
        " start_time, end_time, kept_since) VALUES (?, ?, ?, ?, '', ?, '', 'ended', ?, ?, ?, ?, ?)",
        (
            number,
            record_id,
            _storable(run.action),
            _storable(run.asset),
            _storable(run.container_id),
            run.status,
            cipher.encrypt({"message": run.message}),
            run.start_time,
            run.end_time,
            timestamp(),  # so that nobody's runs go on the day of the upgrade
        ),
    )
    results = run.result.get("result_data", [])
    for position, asked in enumerate(run.parameters, 1):
        result = results[position - 1] if position <= len(results) else None
        execute(
            "INSERT INTO mail (run_id, position, state, attempts, message_id, asked, result, committed_at, finished_at)"
            " SELECT id, ?, ?, 1, ?, ?, ?, '', ? FROM run WHERE record_id = ?",
            (
                position,
                _outcome(result),
                _data(result).get("message_id", ""),
                cipher.encrypt(asked),
                result
                and cipher.encrypt({name: result[name] for name in ("status", "message", "data", "summary")}),
                run.end_time,
                record_id,
            ),
        )


def _outcome(result: Mapping[str, Any] | None) -> str:
    """What is known of a mail; one without a result was under way when its run was interrupted."""
    if result is None:
        return "unknown"
    outcome = _data(result).get("outcome")
    if outcome in _OUTCOMES:
        return str(outcome)
    return "sent" if result["status"] == "success" else "not sent"


def _data(result: Mapping[str, Any] | None) -> Mapping[str, Any]:
    data = result["data"] if result is not None else []
    return data[0] if data else {}


def _storable(text: str) -> str:
    """JSON can hold half a surrogate pair; SQLite's texts can't."""
    return text.encode(errors="replace").decode()
