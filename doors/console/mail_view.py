"""A mail as a person looks at it: headers, text, HTML with its own pictures, attachments. Nothing of it is trusted."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

MOST_PARTS = 200
LONGEST_TEXT = 512 * 1024
"""Characters of a text, and octets of the source, that a page shows."""
LARGEST_PICTURES = 8 * 1024 * 1024
"""Octets of inline pictures that are put into the HTML."""
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_CID = re.compile(r"cid:([^\"'\s)>]{1,200})", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half a character, as some charsets can spell one (UTF-7): no page can hold it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail, `depth` deep. Its content is kept for those that have one."""

    number: int
    depth: int
    type: str
    name: str
    content_id: str
    size: int
    content: bytes = field(repr=False, default=b"")
    is_attachment: bool = False
    charset: str = ""


@dataclass(frozen=True, slots=True)
class MailView:
    """`headers` in their order; `html` is as it came, with `cid:` pictures as data."""

    headers: tuple[tuple[str, str], ...]
    subject: str
    text: str
    html: str
    parts: tuple[Part, ...]
    source: str
    size: int
    checks: tuple[tuple[bool, str], ...]

    @property
    def attachments(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.is_attachment)

    def header(self, name: str) -> str:
        """The first field of that name; "" where there is none."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")


def view(octets: bytes) -> MailView:
    """Take a mail apart. Raises nothing for a mail, whatever is in it."""
    # compat32 reads anything; the modern policy raises for some of what strangers write.
    message = cast(EmailMessage, BytesParser(policy=policy.compat32).parsebytes(octets))
    parts = tuple(_parts(message))
    text = next((_text(part) for part in parts if _is_body(part, "text/plain")), "")
    html = next((_text(part) for part in parts if _is_body(part, "text/html")), "")
    headers = tuple((name, readable(str(value))) for name, value in message.items())
    subject = next((value for name, value in headers if name.lower() == "subject"), "")
    return MailView(
        headers,
        subject,
        text[:LONGEST_TEXT],
        with_pictures(html, parts),
        parts,
        octets[:LONGEST_TEXT].decode("utf-8", errors="replace"),
        len(octets),
        tuple(_checks(octets, headers, text, html)),
    )


def readable(value: str) -> str:
    """A header's value as people read it: unfolded, encoded words decoded (RFC 2047)."""
    from email.header import decode_header, make_header

    unfolded = re.sub(r"\r?\n[ \t]+", " ", value)
    try:
        return _CONTROL.sub("�", str(make_header(decode_header(unfolded))))
    except (ValueError, LookupError, UnicodeError, AssertionError, TypeError):
        return _CONTROL.sub("�", unfolded)


def with_pictures(html: str, parts: tuple[Part, ...]) -> str:
    """The HTML with the mail's own pictures inside of it, so that nothing has to be fetched."""
    pictures, left = {}, LARGEST_PICTURES
    for part in parts:
        if part.content_id and part.type in _PICTURES and len(part.content) <= left:
            left -= len(part.content)
            octets = base64.b64encode(part.content).decode()
            pictures[part.content_id] = f"data:{part.type};base64,{octets}"
    return _CID.sub(lambda found: pictures.get(found[1], found[0]), html)


def _parts(message: EmailMessage) -> list[Part]:
    found: list[Part] = []
    waiting: list[tuple[int, Any]] = [(0, message)]
    while waiting and len(found) < MOST_PARTS:
        depth, part = waiting.pop()
        content = b""
        is_multipart = part.is_multipart() and part.get_content_maintype() == "multipart"
        if part.get_content_type() == "message/rfc822" and part.is_multipart():
            content = _as_octets(part.get_payload(0))
        elif not part.is_multipart():
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
        name = readable(_file_name(part))
        content_id = str(part.get("Content-ID", "")).strip().strip("<>")
        is_attachment = not is_multipart and bool(
            name or part.get_content_disposition() == "attachment" or content_id
        )
        found.append(
            Part(
                len(found),
                depth,
                part.get_content_type(),
                name,
                content_id,
                len(content),
                content,
                is_attachment,
                str(part.get_content_charset() or "utf-8"),
            )
        )
        if is_multipart:
            waiting += [(depth + 1, child) for child in reversed(cast("list[Any]", part.get_payload()))]
    return found


def _as_octets(message: Any) -> bytes:
    try:
        octets: bytes = message.as_bytes()
    except (ValueError, LookupError, TypeError, AttributeError):
        return b""
    return octets


def _file_name(part: EmailMessage) -> str:
    try:
        return str(part.get_filename() or "")
    except (ValueError, LookupError, TypeError):
        return ""


def _is_body(part: Part, kind: str) -> bool:
    return part.type == kind and not part.is_attachment


def _text(part: Part) -> str:
    try:
        text = part.content.decode(part.charset, errors="replace")
    except LookupError:
        text = part.content.decode("utf-8", errors="replace")
    return _HALF.sub("�", text).replace("\r\n", "\n")


def _checks(
    octets: bytes, headers: tuple[tuple[str, str], ...], text: str, html: str
) -> list[tuple[bool, str]]:
    """What a mail should have, and whether this one does."""
    names = [name.lower() for name, _ in headers]
    once = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "sender")
    twice = [name for name in once if names.count(name) > 1]
    longest = max((len(line) for line in octets.split(b"\n")), default=0)
    return [
        (
            all(name in names for name in ("from", "date", "message-id")),
            "It has From, Date and a Message-ID.",
        ),
        (not twice, "No field that may occur once occurs twice (RFC 5322)."),
        ("bcc" not in names, "It has no Bcc field."),
        (longest <= 999, "No line is longer than 998 octets."),
        (b"\n" not in octets.replace(b"\r\n", b""), "Every line ends with CRLF."),
        (not html or bool(text.strip()), "HTML has a readable text beside it."),
    ]
