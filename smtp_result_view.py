"""What the platform shows of a mail that was sent: its recipients, its attachments, and what the server said.

The platform calls `display_result` in its web server's process, and renders the page that it names. Nothing of the
app is imported: in that process a module called `message` or `host` may be somebody else's. Values go to the
page as they are; its template escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from types import MappingProxyType
from typing import Any

PAGE = "smtp_result_view.html"
MAX_ROWS = 200
"""Recipients shown of one message, those in trouble first; the result's data has them all."""

_OUTCOMES = MappingProxyType(
    {"sent": "good", "partly sent": "doubtful", "not sent": "bad", "unknown": "doubtful"}
)
_STATUSES = MappingProxyType(
    {"accepted": "good", "refused": "bad", "not tried": "idle", "unknown": "doubtful"}
)
_TROUBLE_FIRST = ("refused", "unknown", "not tried", "accepted")
_UNITS = ("octets", "KiB", "MiB", "GiB")


def display_result(provides: str, all_app_runs: Iterable[Any], context: MutableMapping[str, Any]) -> str:
    """Put what the page shows into `context`; returns the page's name.

    `all_app_runs` are pairs of a summary and the action results of one run; `provides` is the action's name.
    """
    context.setdefault("title1", provides)
    context["results"] = [_result(result) for _summary, results in all_app_runs for result in results]
    return PAGE


def _result(result: Any) -> dict[str, Any]:
    parameters = result.get_param() or {}
    return {
        "succeeded": bool(result.get_status()),
        "message": result.get_message() or "",
        "subject": parameters.get("subject") or "",
        "mails": [_mail(data) for data in result.get_data() or () if isinstance(data, dict)],
    }


def _mail(data: dict[str, Any]) -> dict[str, Any]:
    """One message of a result's data, whatever part of it is there."""
    recipients = sorted((_recipient(item) for item in _dicts(data.get("recipients"))), key=_rank)
    outcome = str(data.get("outcome") or "unknown")
    failure = data.get("failure")
    return {
        **data,
        "outcome": outcome,
        "look": _OUTCOMES.get(outcome, "doubtful"),
        "recipients": recipients[:MAX_ROWS],
        "more_recipients": max(0, len(recipients) - MAX_ROWS),
        "attachments": [item | {"size": size(item.get("size"))} for item in _dicts(data.get("attachments"))],
        "size": size(data.get("size")) if data.get("size") else "",
        "failure": failure if isinstance(failure, dict) else {},
    }


def _recipient(recipient: dict[str, Any]) -> dict[str, Any]:
    status = str(recipient.get("status") or "unknown")
    return {**recipient, "status": status, "look": _STATUSES.get(status, "doubtful")}


def _rank(recipient: dict[str, Any]) -> int:
    status = recipient["status"]
    return _TROUBLE_FIRST.index(status) if status in _TROUBLE_FIRST else 0


def _dicts(items: object) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def size(octets: object) -> str:
    """A number of octets as people read it."""
    if not isinstance(octets, int | float):
        return ""
    amount, unit = float(octets), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{amount:.0f} {_UNITS[unit]}"
