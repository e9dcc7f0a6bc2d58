"""Python's smtplib: as connectors use it, with a connection for each message, and with one that is kept."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from benchmarks.mails import SENDER

Mail = Mapping[str, str]


def compose(mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = mail["to"]
    message["Subject"] = mail["subject"]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="example.com")
    message.set_content(mail["body"])
    return message


def connection_per_message(port: int, mails: Sequence[Mail]) -> None:
    for mail in mails:
        with smtplib.SMTP("127.0.0.1", port) as server:
            _send(server, mail)


def kept_connection(port: int, mails: Sequence[Mail]) -> None:
    with smtplib.SMTP("127.0.0.1", port) as server:
        for mail in mails:
            _send(server, mail)


def submitted(port: int, mail: Mail, username: str, password: str, context: ssl.SSLContext) -> None:
    """One mail with STARTTLS and a login."""
    with smtplib.SMTP("localhost", port) as server:
        server.starttls(context=context)
        server.login(username, password)
        _send(server, mail)


def with_attachment(port: int, path: Path) -> None:
    """A mail with one file."""
    message = compose({"to": "person0@example.com", "subject": "Evidence", "body": "See the evidence."})
    message.add_attachment(path.read_bytes(), "application", "octet-stream", filename=path.name)
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.sendmail(SENDER, ["person0@example.com"], message.as_string())


def send_ready(port: int, message: bytes, count: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as server:
        for _ in range(count):
            server.sendmail(SENDER, ["person0@example.com"], message)


def _send(server: smtplib.SMTP, mail: Mail) -> None:
    server.sendmail(SENDER, mail["to"].split(", "), compose(mail).as_string())
