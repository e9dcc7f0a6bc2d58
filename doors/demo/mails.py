"""What the demo sends, and what has to arrive because of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from doors.demo.server import USERNAME, Mail

TEXT = (
    "Guten Tag, bonjour, dzień dobry, 今日は, שלום ✉\n"
    "\n"
    ".a line that begins with a dot, and one longer than a mail's line may be:\n" + "long " * 300 + "\n"
)
SUBJECT = "Grüße aus dem SOC: verdächtige Mail – 注意"
HTML = (
    "<!DOCTYPE html>\n<html><body><h1>Phishing 🎣</h1>"
    '<p>Bitte <b>nicht</b> öffnen.</p><img src="cid:warning" alt="warning"></body></html>\n'
)
ATTACHMENT_NAME = "Prüfsummen März.bin"
ATTACHMENT = bytes(range(256)) * 200 + b"\r\n.\r\nline\nends\rof\r\nall kinds\n"
RAW = (
    f"To: Jane Doe <jane@example.com>\nFrom: {USERNAME}\nBcc: unseen@example.com\n"
    "Subject: A message that somebody else wrote\nX-Case:  4711\n\nThis is body text.\n"
)


def picture() -> bytes:
    """A PNG of 32 by 32 orange pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xf2\x8c\x28" * 32) * 32
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


Checks = Iterator[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One action of the demo. `checks` says what is right or wrong about the mail that arrived."""

    action: str
    shows: str
    parameters: dict[str, Any]
    recipients: frozenset[str]
    checks: Callable[[Mail, EmailMessage], Checks]


def scenes(vault_id_of_picture: str, vault_id_of_attachment: str) -> tuple[Scene, ...]:
    """All of it, in order."""
    return (
        Scene(
            "test connectivity",
            "connects, logs in and writes to itself",
            {},
            frozenset({USERNAME}),
            _test_mail,
        ),
        Scene(
            "send email",
            "a Unicode text with an attachment from the vault",
            {
                "to": '"Doe, Jane" <jane@example.com>; bob@example.com',
                "cc": "jane@example.com",
                "subject": SUBJECT,
                "body": TEXT,
                "attachments": vault_id_of_attachment,
            },
            frozenset({"jane@example.com", "bob@example.com"}),
            _text_mail,
        ),
        Scene(
            "send htmlemail",
            "HTML with an inline image",
            {
                "to": "jane@example.com",
                "subject": SUBJECT,
                "html_body": HTML,
                "attachment1": vault_id_of_picture,
                "content_id1": "warning",
            },
            frozenset({"jane@example.com"}),
            _html_mail,
        ),
        Scene(
            "send rawemail",
            "a finished message, as it is",
            {"raw_email": RAW},
            frozenset({"jane@example.com", "unseen@example.com"}),
            _raw_mail,
        ),
    )


def read(mail: Mail) -> EmailMessage:
    """The message as the standard library understands it."""
    return BytesParser(policy=policy.default).parsebytes(mail.content)


def parts(message: EmailMessage) -> list[tuple[str, str, bytes]]:
    """Type, file name and decoded content of each part that has one."""
    return [
        (part.get_content_type(), part.get_filename() or "", _content(part))
        for part in message.walk()
        if not part.is_multipart()
    ]


def _content(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def text_of(message: EmailMessage, kind: str) -> str:
    """The text part of that type, with line ends as they were given."""
    texts = [content.decode() for found, name, content in parts(message) if found == kind and not name]
    return texts[0].replace("\r\n", "\n") if texts else ""


def _test_mail(_mail: Mail, message: EmailMessage) -> Checks:
    yield (
        "it has a date, a Message-ID and a subject",
        all(message[name] for name in ("Date", "Message-ID", "Subject")),
    )


def _text_mail(_mail: Mail, message: EmailMessage) -> Checks:
    files = {name: content for _, name, content in parts(message) if name}
    yield "the subject is the one given", message["Subject"] == SUBJECT
    yield "the text is the one given", text_of(message, "text/plain").rstrip() == TEXT.rstrip()
    yield "the attachment has its name", list(files) == [ATTACHMENT_NAME]
    yield "the attachment has its bytes", files.get(ATTACHMENT_NAME) == ATTACHMENT


def _html_mail(_mail: Mail, message: EmailMessage) -> Checks:
    images = [part for part in message.walk() if part["Content-ID"] == "<warning>"]
    yield "the HTML shows the image that came with it", 'src="cid:warning"' in text_of(message, "text/html")
    yield "the image has its bytes", [_content(image) for image in images] == [picture()]
    yield "there is a readable text beside the HTML", "öffnen" in text_of(message, "text/plain")


def _raw_mail(mail: Mail, message: EmailMessage) -> Checks:
    head, _, body = mail.content.partition(b"\r\n\r\n")
    yield "the header fields are as they were", b"\r\nX-Case:  4711" in head
    yield "Bcc is gone", message["Bcc"] is None
    yield "the body is as it was", body.rstrip() == b"This is body text."
