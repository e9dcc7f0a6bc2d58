"""The file that Google Cloud writes for a service account: its key, or how a workload proves itself without one."""

from __future__ import annotations

import json
from typing import Any

from auth.errors import AuthError, Step
from smtp import pem
from smtp.errors import Category

FIELD = "service_account_json"
_WITH_KEY, KEYLESS = "service_account", "external_account"


def read_account(value: str) -> dict[str, Any]:
    """Return the account's fields from JSON or the file of that name: texts, and objects. Raises `AuthError`."""
    try:
        octets = value.encode() if value.startswith("{") else pem.read(value)
        account = json.loads(octets)
    except pem.NotPem as exc:
        raise unusable(str(exc)) from exc
    except (ValueError, RecursionError):
        raise unusable("it is not JSON") from None  # the cause holds the whole text, and so the key
    if not isinstance(account, dict):
        raise unusable("it is not a JSON object")
    kind = account.setdefault("type", _WITH_KEY)
    if kind not in (_WITH_KEY, KEYLESS):
        raise unusable("it is not the key of a service account (its type is another)")
    needed = ("client_email", "private_key") if kind == _WITH_KEY else ("audience", "token_url")
    if wrong := [name for name in needed if not is_text(account.get(name))]:
        raise unusable(f"it has no {' and no '.join(wrong)}")
    return {name: value for name, value in account.items() if is_text(value) or isinstance(value, dict)}


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def unusable(reason: str) -> AuthError:
    return AuthError(
        f"The asset's {FIELD} can't be used: {reason}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint=(
            "Give the file (JSON) that Google Cloud made for the service account, its key or the configuration of a "
            "workload identity, or the file's text."
        ),
    )
