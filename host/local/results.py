"""A run's result in SOAR's shape: status, message, result_data, result_summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


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
