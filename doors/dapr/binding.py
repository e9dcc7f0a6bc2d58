"""A request of Dapr becomes a mail, and what became of it an answer: what both ways in share.

Whoever calls may repeat a request that failed: Dapr's resiliency policies do. A mail that was certainly not sent is
repeated without harm. One of which nobody knows must not be: a request whose outcome was unknown is remembered for as
long as it is repeated, and answered with the same error; with an `idempotencyKey` the ledger remembers it for good.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from delivery.pool import Pool
from doors.dapr.component import (
    DEFAULT_PRIORITY,
    MAIL_FIELDS,
    Component,
    MetadataError,
    check_priority,
    known_fields,
)
from host.local.files import StoreError
from host.local.home import Home
from host.local.inputs import InputError
from host.local.run import LocalRun, Request, Unwatched
from host.manifest.model import load
from message.address.mailbox import parse_list
from message.errors import MessageError
from smtp.errors import Category, Step
from smtp.outcome import Outcome

CREATE = "create"
"""The only operation."""
ACTION = "send email"
REQUEST_FIELDS = (*MAIL_FIELDS, "contentType", "replyTo", "messageId", "idempotencyKey")
_ADDRESSES = ("emailFrom", "emailTo", "emailCC", "emailBCC")
REMEMBERED_SECONDS = 900.0
MOST_REMEMBERED = 10_000
_FORMATS = MappingProxyType({"text/html": "html", "text/plain": "text"})


class Why(Enum):
    """Why a request failed, as whoever repeats requests has to know it."""

    BAD_METADATA = auto()
    """The request itself has to change."""
    LOGIN_REFUSED = auto()
    NOT_SENT = auto()
    """The same may succeed later."""
    REFUSED = auto()
    """The same will fail again."""
    UNKNOWN = auto()
    """The mail may have been delivered."""


class InvokeError(Exception):
    """A request that did not do what it asked for."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why


@dataclass(frozen=True, slots=True)
class Answer:
    """What the component says: JSON, and metadata."""

    data: bytes
    metadata: Mapping[str, str]


class Binding:
    """Sends what requests ask for. Used by many threads at once. `tell` is given a line for each request."""

    def __init__(self, home: Home, pool: Pool, tell: Callable[[str], None]) -> None:
        self._home = home
        self._pool = pool
        self._tell = tell
        self._action = load().action(ACTION)
        self._doubts = _Doubts()

    def invoke(self, component: Component, metadata: Mapping[str, str], text: str) -> Answer:
        """Send one mail. Raises `InvokeError`."""
        started = time.monotonic()
        try:
            answer = self._invoke(component, metadata, text)
        except InvokeError as error:
            self._tell(f"{component.name}: {error}")
            raise
        spent = round((time.monotonic() - started) * 1000)
        self._tell(
            f"{component.name}: {answer.metadata['outcome']} {answer.metadata['messageId']}, {spent} ms."
        )
        return answer

    def _invoke(self, component: Component, metadata: Mapping[str, str], text: str) -> Answer:
        try:
            parameters = _parameters(component, metadata, text)
        except (MetadataError, MessageError) as error:
            raise InvokeError(Why.BAD_METADATA, str(error)) from error
        digest = _digest(component, parameters)
        if earlier := self._doubts.about(digest):
            raise InvokeError(Why.UNKNOWN, earlier)
        request = Request(
            self._action,
            component.asset,
            f"of the component {component.name}",
            component.name,
            component.asset.id,
            [parameters],
        )
        try:
            document = LocalRun(request, self._home, Unwatched(), self._pool).perform()
        except InputError as error:
            raise InvokeError(Why.REFUSED, f"Nothing was sent. {error}") from error
        except StoreError as error:
            raise InvokeError(Why.NOT_SENT, f"Nothing was sent. {error}") from error
        (result,) = document["result_data"] or [
            {"status": "failed", "message": document["message"], "data": []}
        ]
        if result["status"] == "success":
            return _answer(result["data"][0])
        failure = _error(result)
        if failure.why is Why.UNKNOWN and "idempotency_key" not in parameters:
            self._doubts.add(digest, str(failure))
        raise failure


def _parameters(component: Component, metadata: Mapping[str, str], text: str) -> dict[str, Any]:
    """The action's parameters. Raises `MetadataError`, and `MessageError` for addresses."""
    given, _ = known_fields(metadata, REQUEST_FIELDS)
    merged = {**component.mail, **given}
    mailboxes = {name: parse_list(merged.get(name, ""), name) for name in _ADDRESSES}
    for name in ("emailFrom", "emailTo", "subject"):
        if not merged.get(name) or not mailboxes.get(name, True):
            raise MetadataError(f"{name} property not supplied in configuration- or request-metadata")
    if len(mailboxes["emailFrom"]) > 1:
        raise MetadataError("emailFrom takes one address")
    priority = merged.get("priority", DEFAULT_PRIORITY)
    check_priority(priority)
    headers = {"X-Priority": priority}
    if message_id := merged.get("messageId", ""):
        headers["Message-ID"] = message_id if message_id.startswith("<") else f"<{message_id}>"
    parameters = {
        "from": merged["emailFrom"],
        "to": merged["emailTo"],
        "cc": merged.get("emailCC", ""),
        "bcc": merged.get("emailBCC", ""),
        "subject": merged["subject"],
        "headers": json.dumps(headers),
        # A mail may be empty, and a parameter may not.
        "body": text or "\n",
        "body_format": _format(merged.get("contentType", "text/html")),
    }
    if reply_to := merged.get("replyTo"):
        parse_list(reply_to, "replyTo")
        parameters["reply_to"] = reply_to
    if key := merged.get("idempotencyKey"):
        parameters["idempotency_key"] = key
    return parameters


def _format(content_type: str) -> str:
    found = _FORMATS.get(content_type.partition(";")[0].strip().lower())
    if found is None:
        raise MetadataError("contentType has to be text/html or text/plain")
    return found


def _answer(data: Mapping[str, Any]) -> Answer:
    return Answer(
        json.dumps(data).encode(), {"messageId": str(data["message_id"]), "outcome": str(data["outcome"])}
    )


def _error(result: Mapping[str, Any]) -> InvokeError:
    data = result["data"][0] if result["data"] else {}
    failure = data.get("failure") or {}
    if data.get("outcome", Outcome.UNKNOWN.value) == Outcome.UNKNOWN.value:
        why = Why.UNKNOWN
    elif failure.get("category") == Category.INPUT:
        why = Why.BAD_METADATA
    elif failure.get("retryable"):
        why = Why.NOT_SENT
    elif failure.get("step") == Step.AUTH and failure.get("code"):
        why = Why.LOGIN_REFUSED  # whatever it takes to mend that
    else:
        why = Why.REFUSED
    return InvokeError(why, str(result["message"]))


def _digest(component: Component, parameters: Mapping[str, Any]) -> bytes:
    text = json.dumps([component.name, parameters], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


class _Doubts:
    """Requests whose outcome is unknown, with what was said about each. Used by many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[float, str]] = {}

    def add(self, digest: bytes, text: str) -> None:
        with self._lock:
            self._known[digest] = (time.monotonic(), text)
            if len(self._known) > MOST_REMEMBERED:
                del self._known[next(iter(self._known))]

    def about(self, digest: bytes) -> str:
        """What was said, "" for a request that is not in doubt. It is remembered anew for whoever goes on asking."""
        with self._lock:
            since, text = self._known.pop(digest, (0.0, ""))
            if not text or time.monotonic() - since > REMEMBERED_SECONDS:
                return ""
            self._known[digest] = (time.monotonic(), text)
            return text
