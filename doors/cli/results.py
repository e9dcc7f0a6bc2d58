"""What a run's result says to a person: an exit code, and lines that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from message import address as addresses

Document = Mapping[str, Any]

SENT, NOT_SENT, WRONG_CALL, PARTLY_SENT, UNKNOWN = 0, 1, 2, 3, 4
"""Exit codes. With several outcomes the worst counts: unknown, then not sent, then partly sent.

A wrong call is one of which nothing was sent.
"""

_CODES = {"sent": SENT, "partly sent": PARTLY_SENT, "unknown": UNKNOWN}
_WORST_FIRST = (UNKNOWN, NOT_SENT, WRONG_CALL, PARTLY_SENT)
_WRONG = (("idempotency_key", "input"), ("dependency", "configuration"), ("host", "configuration"))
_READ_FIRST = ("From", "Reply-To", "To", "Cc", "Subject", "Date")
"""The headers that a reader sees."""
MOST_NAMED = 50
"""Recipients of one message that are named in a readable result; the document has them all."""


def exit_code(document: Document) -> int:
    """What became of the run as a whole."""
    found = {_code(result) for result in document["result_data"]}
    if WRONG_CALL in found and len(found) > 1:
        found.add(NOT_SENT)
    if document["status"] != "success" and not found - {SENT}:
        found.add(NOT_SENT)  # the run itself failed: there may be no result at all
    return next((code for code in _WORST_FIRST if code in found), SENT)


def readable(document: Document) -> Iterator[str]:
    """The result in lines: for each message what became of it, and of each of its recipients."""
    results = document["result_data"]
    if not results:
        yield document["message"]
    for number, result in enumerate(results, 1):
        yield head(result, number, len(results))
        for data in result["data"]:
            yield from _details(data)


def composed(data: Mapping[str, Any]) -> Iterator[str]:
    """The mail as a reader would see it: its headers, its text, and what is attached."""
    headers = [(header["name"], header["value"]) for header in data["headers"]]
    for wanted in _READ_FIRST:
        yield from (f"{wanted}: {value}" for name, value in headers if name.lower() == wanted.lower())
    named = " ".join(value for name, value in headers if name in ("To", "Cc")).lower()
    hidden = [recipient for recipient in data["recipients"] if not _is_named(recipient.lower(), named)]
    if hidden:
        yield f"Not named in it: {', '.join(hidden)}"
    yield ""
    yield from data["text"].splitlines()
    files = [part for part in data["structure"] if part["name"]]
    if files:
        yield ""
    for part in files:
        place = f", shown as {part['content_id']}" if part["content_id"] else ""
        yield f"[{part['name']}, {part['type']}, {part['size']:,} octets{place}]"
    yield ""
    count = len(data["recipients"])
    yield f"{count} recipient{'' if count == 1 else 's'}, {data['size']:,} octets. Nothing was sent."


def _is_named(recipient: str, named: str) -> bool:
    """Whether an address stands in a list of them as a whole, its domain as it is or in ASCII."""
    local_part, _, domain = recipient.rpartition("@")
    spellings = {recipient} if domain.isascii() else {recipient, f"{local_part}@{addresses.a_label(domain)}"}
    return any(re.search(rf"(?<![^\s<,]){re.escape(one)}(?![^\s>,])", named) for one in spellings)


def head(result: Document, number: int, total: int) -> str:
    """What became of one parameter set, with a mark before it."""
    mark = "✓" if _code(result) == SENT else "!" if result["status"] == "success" else "✗"
    return f"{mark} {_place(number, total)}{result['message']}"


def warnings(document: Document) -> Iterator[str]:
    """Each warning once, however many messages it concerns."""
    told = [
        warning
        for result in document["result_data"]
        for data in result["data"]
        for warning in _warnings(data)
    ]
    yield from dict.fromkeys(told)


def failures(document: Document) -> Iterator[str]:
    """A line for each parameter set of which not all was sent."""
    results = document["result_data"]
    for number, result in enumerate(results, 1):
        if _code(result) != SENT:
            yield f"{_place(number, len(results))}{result['message']}"
    if not results and document["status"] != "success":
        yield document["message"]


def summary(document: Document) -> str:
    """One line over a batch; "" for a single parameter set."""
    results = document["result_data"]
    if len(results) < 2:
        return ""
    codes = [_code(result) for result in results]
    codes = [NOT_SENT if code == WRONG_CALL else code for code in codes]
    names = ((SENT, "sent"), (PARTLY_SENT, "partly sent"), (NOT_SENT, "not sent"), (UNKNOWN, "unknown"))
    counted = [f"{codes.count(code)} {name}" for code, name in names if code in codes]
    return f"{len(results)} parameter sets: {', '.join(counted)}."


def _place(number: int, total: int) -> str:
    return f"{number} of {total}: " if total > 1 else ""


def _code(result: Document) -> int:
    outcomes = [data["outcome"] for data in result["data"] if isinstance(data, Mapping) and "outcome" in data]
    if (
        result["status"] != "success"
        and outcomes[:1] in ([], ["not sent"])
        and _is_wrong_call(result["data"])
    ):
        return WRONG_CALL
    if outcomes:
        return _CODES.get(outcomes[0], NOT_SENT)
    return SENT if result["status"] == "success" else NOT_SENT


def _is_wrong_call(data: Sequence[Any]) -> bool:
    """Whether it fails for good as it is called, or on this machine.

    Its key is another content's, a library is missing, or the data folder can't be used.
    """
    failure = data[0].get("failure", {}) if data and isinstance(data[0], Mapping) else {}
    return (failure.get("step"), failure.get("category")) in _WRONG


def _warnings(data: object) -> Sequence[str]:
    return data.get("warnings", ()) if isinstance(data, Mapping) else ()


def _details(data: object) -> Iterator[str]:
    if not isinstance(data, Mapping) or "recipients" not in data:
        return
    if "structure" in data:
        yield from composed(data)
        return
    width = max((len(one["address"]) for one in data["recipients"][:MOST_NAMED]), default=0)
    for one in data["recipients"][:MOST_NAMED]:
        yield f"  {one['status']:<9}  {one['address']:<{width}}  {_reply(one)}".rstrip()
    if len(data["recipients"]) > MOST_NAMED:
        yield f"  … and {len(data['recipients']) - MOST_NAMED} more"
    facts = [data["message_id"], f"{data['size']:,} octets" if data["size"] else "", data["queue_id"]]
    way = [
        data["server"],
        data["tls_version"],
        " ".join(filter(None, (data["auth_method"], data["auth_mechanism"]))),
    ]
    for line in (facts, way):
        if any(line):
            yield f"  {', '.join(filter(None, line))}"


def _reply(recipient: Mapping[str, Any]) -> str:
    return " ".join(
        str(part) for part in (recipient["code"], recipient["enhanced_code"], recipient["reply"]) if part
    )
