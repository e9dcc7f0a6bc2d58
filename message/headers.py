"""The `headers` parameter: a JSON object whose members replace or join the fields that a message has anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from message import address as addresses
from message.address.mailbox import Mailbox, parse_list
from message.errors import Fault, MessageError, shown
from message.mime import problem_of_name, problem_of_value

REFUSED = frozenset({"content-type", "content-transfer-encoding", "mime-version"})
# RFC 5322 section 3.6: the fields that a message has at most once.
_ONCE = frozenset(
    [
        "date",
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "message-id",
        "in-reply-to",
        "references",
        "subject",
        "return-path",
    ]
)
_ADDRESS_LISTS = frozenset(
    ["to", "cc", "bcc", "reply-to", "resent-to", "resent-cc", "resent-from", "disposition-notification-to"]
)
_SINGLE_ADDRESSES = frozenset({"from", "sender", "resent-sender"})
_MESSAGE_IDS = frozenset({"message-id", "resent-message-id"})
_DATES = frozenset({"date", "resent-date"})
_VERBATIM = _MESSAGE_IDS | _DATES | {"in-reply-to", "references"}
# RFC 2369 and RFC 8058: programs read them and act, and read no encoded words.
_FOR_PROGRAMS = frozenset(
    [
        "list-archive",
        "list-help",
        "list-owner",
        "list-post",
        "list-subscribe",
        "list-unsubscribe",
        "list-unsubscribe-post",
    ]
)
# RFC 5322 section 3.6.4: msg-id.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
MESSAGE_ID = rf"<{_ATOM}(?:\.{_ATOM})*@(?:{_ATOM}(?:\.{_ATOM})*|\[[!-Z^-~]*\])>"
LONGEST_MESSAGE_ID = 900
_LIST_ID = r"(?P<phrase>[^<>]*)<(?P<id>[!-;=?-~]{1,255})>"
_EMPTY_GROUP = r"([A-Za-z0-9_-][A-Za-z0-9 _-]{0,60}):[ \t]*;?"


class Header(NamedTuple):
    """A field that was asked for: `mailboxes` where it holds addresses, else `text`, sound for its kind.

    The words of a `verbatim` one mean something as they are (message ids, dates) and may not be encoded.
    """

    name: str
    text: str = ""
    mailboxes: tuple[Mailbox, ...] = ()
    verbatim: bool = False
    phrase: str = ""
    """Words before `text`, which then stands in angle brackets (RFC 2919)."""

    @property
    def key(self) -> str:
        return self.name.lower()


def parse_headers(value: str | Mapping[str, object] | None) -> tuple[Header, ...]:
    """The fields of a JSON object, given as text or as the object itself, in its order.

    Numbers and booleans become texts as JSON writes them, a list writes its field several times, null and
    blank addresses are left out. Raises `MessageError` with every fault, each naming its header.
    """
    headers: list[Header] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for name, member in _members(value):
        try:
            found = _headers(name, member)
            key = name.lower()
            if found and key in _ONCE and (key in seen or len(found) > 1):
                raise _fault(name, "may be given only once")
            seen.add(key)
            headers += found
        except MessageError as exc:
            faults += exc.faults
    if faults:
        raise MessageError(faults)
    return tuple(headers)


class _Object(list[tuple[str, object]]):
    """A JSON object with all its members, also those of the same name."""


def _members(value: str | Mapping[str, object] | None) -> list[tuple[str, object]]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=_Object)
        except (ValueError, RecursionError) as exc:
            where = f": {exc}" if isinstance(exc, json.JSONDecodeError) else ""
            raise MessageError([Fault("headers", f"not a JSON object{where}")]) from exc
    if isinstance(value, _Object):
        return value
    if isinstance(value, Mapping):
        return [(str(name), member) for name, member in value.items()]
    raise MessageError([Fault("headers", 'not a JSON object such as {"X-Priority": "1"}')])


def _headers(name: str, member: object) -> list[Header]:
    if problem := problem_of_name(name):
        raise _fault(name, problem)
    key = name.lower()
    if key in REFUSED:
        raise _fault(name, "is made from the message itself and can't be set")
    if key == "resent-bcc":
        raise _fault(name, "would show everybody whom it is to hide")
    items = member if isinstance(member, list) and not isinstance(member, _Object) else [member]
    texts = [_text(name, item) for item in items if item is not None]
    if key in _ADDRESS_LISTS or key in _SINGLE_ADDRESSES:
        return _addresses(name, [text for text in texts if text.strip()])
    if key in _VERBATIM:
        return [_verbatim(name, text.strip()) for text in texts if text.strip()]
    if key == "list-id":
        return [_list_id(name, text.strip()) for text in texts if text.strip()]
    if key in _FOR_PROGRAMS:
        return [_for_programs(name, text.strip()) for text in texts if text.strip()]
    return [Header(name, text) for text in texts]


def _text(name: str, item: object) -> str:
    if isinstance(item, bool | int | float):
        return json.dumps(item)
    if not isinstance(item, str):
        raise _fault(name, "needs a text or a list of texts")
    item = item.rstrip(" \t\r\n")
    if problem := problem_of_value(item):
        raise _fault(name, problem)
    return item


def _addresses(name: str, texts: list[str]) -> list[Header]:
    if len(texts) == 1 and (group := re.fullmatch(_EMPTY_GROUP, texts[0].strip())):
        return [] if name.lower() == "bcc" else [Header(name, f"{group[1].strip()}:;", verbatim=True)]
    try:
        mailboxes = parse_list(texts, name)
    except MessageError as exc:
        raise MessageError([Fault("headers", str(fault)) for fault in exc.faults]) from exc
    if name.lower() in _SINGLE_ADDRESSES and len(mailboxes) > 1:
        raise _fault(name, "takes one address")
    return [Header(name, mailboxes=mailboxes)] if mailboxes else []


def _verbatim(name: str, text: str) -> Header:
    key = name.lower()
    if key in _DATES:
        text = _date(name, text)
    elif key in _MESSAGE_IDS:
        if len(text) > LONGEST_MESSAGE_ID or not re.fullmatch(MESSAGE_ID, text):
            raise _fault(name, f"{shown(text)} is not of the form <left@right>")
    elif not text.isascii() or any(len(word) > LONGEST_MESSAGE_ID for word in text.split()):
        raise _fault(name, "needs message ids such as <left@right>, separated by spaces")
    return Header(name, text, verbatim=True)


def _for_programs(name: str, text: str) -> Header:
    if not text.isascii() or any(len(word) > LONGEST_MESSAGE_ID for word in text.split()):
        raise _fault(
            name, f"needs URLs in ASCII, percent-encoded, of {LONGEST_MESSAGE_ID} characters at most"
        )
    return Header(name, text, verbatim=True)


def _list_id(name: str, text: str) -> Header:
    """A list's name, which is for people, and its identifier, which programs compare (RFC 2919 section 3)."""
    found = re.fullmatch(_LIST_ID, text)
    if not found and text.isascii():
        return Header(name, text)
    if not found:
        raise _fault(
            name, f"{shown(text)} is not of the form Name <list.example.com>, in ASCII between < and >"
        )
    phrase = addresses.decoded(found["phrase"]).strip().strip('"')
    if not phrase:
        return Header(name, f"<{found['id']}>", verbatim=True)
    return Header(name, found["id"], phrase=phrase)


def _date(name: str, text: str) -> str:
    from email.utils import format_datetime, parsedate_to_datetime

    try:
        return format_datetime(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError) as exc:
        raise _fault(name, f"{shown(text)} is not a date such as 'Mon, 02 Jan 2023 15:04:05 +0000'") from exc


def _fault(name: str, text: str) -> MessageError:
    return MessageError([Fault("headers", f"{shown(name)[1:-1]}: {text}")])
