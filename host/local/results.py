"""A run's result in SOAR's shape, and what of it is recorded, for how long: settings of the environment."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from host.local.files import StoreError

Document = dict[str, Any]

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


def document(
    identifier: str, results: Sequence[Document], success: bool = True, message: str = ""
) -> Document:
    """The whole of it. `success` and `message` are the run's own, beside those of its results."""
    good, total = _good(results), len(results)
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
    text = f"{_good(results)} of {len(results)} succeeded"
    return f"{text}. The first that failed: {failed}" if failed else text


def _good(results: Sequence[Mapping[str, Any]]) -> int:
    return sum(result["status"] == "success" for result in results)


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
    if _all_of_it():
        return dict(parameters)
    return {
        name: _digest(value) if name in _CONTENTS and _is_large(value) else value
        for name, value in parameters.items()
    }


def _all_of_it() -> bool:
    """Whether large contents are kept as well. Raises `StoreError`."""
    text = os.environ.get(RECORD, "").strip().lower()
    if text not in ("", "full"):
        raise StoreError(f"{RECORD} is {text!r:.40}: give full, or leave it empty.")
    return text == "full"


def _is_large(value: object) -> bool:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(text) > _LARGE or (len(text) * 4 > _LARGE and len(text.encode(errors="replace")) > _LARGE)


def _digest(value: object) -> dict[str, Any]:
    """A piece at a time: a raw mail may be all that fits into memory."""
    text = value if isinstance(value, str) else json.dumps(value)
    digest, size = sha256(), 0
    for start in range(0, len(text), _PIECE):
        octets = text[start : start + _PIECE].encode(errors="surrogatepass")
        digest.update(octets)
        size += len(octets)
    return {"size": size, "sha256": digest.hexdigest()}
