"""What a mail says about itself and others: what it answers, its thread, how urgent it is, what is to be told of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import NamedTuple

from message import address as addresses
from message.errors import Fault, MessageError, shown
from message.headers import LONGEST_MESSAGE_ID, MESSAGE_ID, Header
from smtp.envelope import Notify
from smtp.text import NOT_IN_A_LINE

_MOST_REFERENCES = 50
"""Message ids that References keeps: the first and the newest; RFC 5322 has no limit, and lines have."""
LONGEST_HEADER = 256 * 1024
"""Octets of a mail that is answered: nothing behind its header matters."""
# Not every program makes ids as RFC 5322 has them, and an answer finds its thread only by those that there are.
_IDS = r"<[!-;=?A-~]{1,450}@[!-;=?-~]{1,450}>"
# How mail programs of several languages begin the subject of an answer.
_RE = r"\s*(?:re|aw|antw|sv|vs|odp|ref|rif|r|res|rv|ynt|回复|答复)(?:\[\d+\])?\s*[:：]"
_IMPORTANCE = MappingProxyType(
    {
        "high": ("high", "1 (Highest)", "urgent"),
        "normal": ("normal", "3", "normal"),
        "low": ("low", "5 (Lowest)", "non-urgent"),
    }
)


class Answered(NamedTuple):
    """The mail that is answered: its Message-ID, what it refers to, and its subject ("" where nobody knows)."""

    message_id: str
    references: tuple[str, ...] = ()
    subject: str = ""

    @property
    def reply_subject(self) -> str:
        """The subject of an answer to it, with one Re: however many answers there were."""
        if not self.subject or re.match(_RE, self.subject, re.IGNORECASE):
            return self.subject
        return f"Re: {self.subject}"


def answered(value: str | bytes, field: str = "in_reply_to") -> Answered:
    """The mail that a Message-ID names, or that these octets are. Raises `MessageError`."""
    if isinstance(value, str):
        message_id = value.strip()
        if message_id and "@" in message_id and not message_id.startswith("<"):
            message_id = f"<{message_id}>"
        if not re.fullmatch(MESSAGE_ID, message_id) or len(message_id) > LONGEST_MESSAGE_ID:
            raise MessageError([Fault(field, f"{shown(value)} is no Message-ID of the form <left@right>")])
        return Answered(message_id)
    fields = _fields(value)
    message_id = next(iter(re.findall(_IDS, fields.get("message-id", ""))), "")
    if not message_id:
        raise MessageError([Fault(field, "the mail that is to be answered has no Message-ID")])
    parents = (
        re.findall(_IDS, fields.get("references", "")) or re.findall(_IDS, fields.get("in-reply-to", ""))[:1]
    )
    subject = " ".join(NOT_IN_A_LINE.sub(" ", addresses.decoded(fields.get("subject", ""))).split())
    return Answered(message_id, tuple(parents), subject)


def thread_id(key: str) -> str:
    """The Message-ID of the mail that a thread is thought to have begun with: always the same for one `key`."""
    return f"<thread.{hashlib.sha256(key.encode()).hexdigest()[:32]}@thread.invalid>"


def thread_headers(parent: Answered | None, thread: str) -> list[Header]:
    """In-Reply-To and References (RFC 5322 section 3.6.4) for an answer, for a mail of a thread, or for both."""
    references: list[str] = [thread_id(thread)] if thread else []
    if parent:
        references += [*parent.references, parent.message_id]
    references = list(dict.fromkeys(references))
    if not references:
        return []
    if len(references) > _MOST_REFERENCES:
        references = [references[0], *references[1 - _MOST_REFERENCES :]]
    return [
        Header("In-Reply-To", references[-1], verbatim=True),
        Header("References", " ".join(references), verbatim=True),
    ]


def importance_headers(importance: str) -> list[Header]:
    """The three fields by which mail programs tell how urgent a mail is. Raises `MessageError`."""
    chosen = importance.strip().lower()
    if not chosen:
        return []
    if chosen not in _IMPORTANCE:
        raise MessageError([Fault("importance", f"{shown(importance)} is neither high, normal nor low")])
    names = ("Importance", "X-Priority", "Priority")
    return [Header(name, text) for name, text in zip(names, _IMPORTANCE[chosen], strict=True)]


def notifications(value: str | Sequence[str]) -> tuple[Notify, ...]:
    """What the sender wants to hear of: `never`, or some of the others, in a list (JSON too) or with commas.

    Raises `MessageError`.
    """
    words = re.split(r'[,;\s"\[\]]+', value) if isinstance(value, str) else value
    words = list(dict.fromkeys([word.strip().upper() for word in words if word.strip()]))
    unknown = [word for word in words if word not in list(Notify)]
    if unknown:
        names = ", ".join(word.lower() for word in Notify)
        raise MessageError([Fault("dsn", f"{shown(unknown[0].lower())} is none of {names}")])
    if Notify.NEVER in words and len(words) > 1:
        raise MessageError([Fault("dsn", "never can't be combined with the others")])
    return tuple(Notify(word) for word in words)


def _fields(octets: bytes) -> dict[str, str]:
    """The header of a mail, unfolded, the first field of each name; octets that are no UTF-8 become marks."""
    text = octets[:LONGEST_HEADER].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip("\r\n")
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    fields: dict[str, str] = {}
    for line in _unfolded(re.split(r"\r\n|\r|\n", head)):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _unfolded(lines: Sequence[str]) -> list[str]:
    whole: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and whole:
            whole[-1].append(line)
        else:
            whole.append([line])
    return ["".join(parts) for parts in whole]
