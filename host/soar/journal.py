"""The journal of a run on the platform, which records runs itself: idempotency keys alone, in the asset's state.

Of each key: when it was claimed, what became of its mail, the Message-ID, and the recipients that were refused.
The state is locked for as long as it is read and written, not while a mail is sent. A mail whose run said nothing
more for `IN_PROGRESS_SECONDS` is unknown: its run may have ended just before the answer to it was known.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from actions.contract import KeyInProgress, KeyOfOtherContent, Report
from actions.report import nothing_delivered
from auth.settings import State
from delivery.asset import Asset
from delivery.attempt import Attempt, Facts, Outgoing

MOST_KEYS = 1000
KEY_SECONDS = 30 * 24 * 60 * 60.0
IN_PROGRESS_SECONDS = 15 * 60.0
LOCK_SECONDS = 30.0
"""For so long the state is waited for: whoever asks for a token has it for as long as the provider takes."""
_FIELD = "idempotency"
_IN_PROGRESS = ""
LOST = (
    "The message may have been delivered and was not retried: the run that sent it ended before the answer was known. "
    "Look for it at the recipients before you send it again."
)


class SharedState(State, Protocol):
    """A state whose lock is waited for so many seconds at most."""

    def lock(self, seconds: float | None = None) -> AbstractContextManager[object]: ...


class PlatformJournal:
    """`host.run_context.Journal` for one run of this action. `tell` is given what can't be remembered."""

    def __init__(self, state: SharedState, action: str, asset: Asset, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._state = state
        self._action = action
        self._asset = asset
        self._claimed: dict[int, str] = {}
        """The hashes of the keys of this run's mails that are under way."""

    def begin(self, parameter_sets: Sequence[object]) -> None:
        """Nothing: the platform knows."""

    def prepared(self, position: int, outgoing: Outgoing) -> Outgoing:  # noqa: ARG002 - the port's signature
        """The message as it is: the platform repeats no mail by itself."""
        return outgoing

    def committing(self, attempts: Sequence[Attempt]) -> None:
        """Nothing: a key that was claimed and says no more is unknown soon enough."""

    def end(self) -> None:
        """Nothing: the platform knows."""

    def claim(self, position: int, key: str, content: bytes) -> Report | None:
        """As `Journal.claim`. Raises `KeyInProgress`, `KeyOfOtherContent`, `HostError`."""
        now = time.time()
        with self._state.lock(LOCK_SECONDS):
            state = self._state.load()
            record = _record(state)
            secret = bytes.fromhex(record["secret"])
            name = _mac(secret, json.dumps([self._action, key]).encode())
            same = _mac(secret, content)
            earlier = record["keys"].get(name)
            if earlier is None or earlier["time"] < now - KEY_SECONDS:
                record["keys"].pop(name, None)  # so that it counts as the latest
                record["keys"][name] = {"content": same, "time": now, "outcome": _IN_PROGRESS}
                for oldest in list(record["keys"])[:-MOST_KEYS]:
                    del record["keys"][oldest]
                self._state.save({**state, _FIELD: record})
                self._claimed[position] = name
                return None
        if earlier["content"] != same:
            raise KeyOfOtherContent
        if earlier["outcome"] == _IN_PROGRESS and earlier["time"] >= now - IN_PROGRESS_SECONDS:
            raise KeyInProgress
        return self._report(earlier)

    def finished(self, position: int, report: Report) -> None:
        """Remember what became of a mail that has a key; one that was not sent leaves it to the next."""
        name = self._claimed.pop(position, None)
        if name is None:
            return
        try:
            self._remember(name, report)
        except Exception as error:  # noqa: BLE001 - the platform raises what it likes, and the mail's report stands
            kind = type(error).__name__
            self._tell(f"What became of the mail with this idempotency_key could not be remembered ({kind}).")

    def _remember(self, name: str, report: Report) -> None:
        data = report.data[0]
        with self._state.lock(LOCK_SECONDS):
            state = self._state.load()
            record = _record(state)
            if data["outcome"] == "not sent":
                record["keys"].pop(name, None)
            elif name in record["keys"]:
                record["keys"][name] |= {
                    "outcome": data["outcome"],
                    "server": data["server"],
                    "message_id": data["message_id"],
                    "refused": [one for one in data["recipients"] if one["status"] == "refused"],
                    "summary": dict(report.summary),
                    "message": report.message if data["outcome"] != "sent" else "",
                }
            self._state.save({**state, _FIELD: record})

    def _report(self, earlier: Mapping[str, Any]) -> Report:
        """The earlier mail's result, as far as it was kept."""
        outcome = earlier["outcome"] or "unknown"
        server = earlier.get("server") or f"{self._asset.server}:{self._asset.port}"
        data = nothing_delivered(Facts(server)) | {
            "outcome": outcome,
            "message_id": earlier.get("message_id", ""),
            "recipients": earlier.get("refused", []),
            "repeated": True,
        }
        message = "Email sent" if outcome == "sent" else earlier.get("message", LOST)
        summary = earlier.get("summary", {"recipients": 0, "accepted": 0, "refused": 0})
        return Report(outcome in ("sent", "partly sent"), message, [data], summary)


def _record(state: Mapping[str, Any]) -> dict[str, Any]:
    """What the state has of keys, the oldest first."""
    record = state.get(_FIELD)
    if isinstance(record, Mapping):
        return {"secret": record["secret"], "keys": dict(record["keys"])}
    return {"secret": os.urandom(32).hex(), "keys": {}}


def _mac(secret: bytes, octets: bytes) -> str:
    """By this a key is recognised and not found out."""
    return hmac.digest(secret, octets, hashlib.sha256).hex()
