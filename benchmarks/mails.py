"""What is sent: the same for everybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
SENDER = "me@example.com"
_LINE = "The host was isolated, the account was locked, and the evidence is in the vault.\n"


def parameters(number: int, recipients: int = 1) -> dict[str, str]:
    """A parameter set of `send email`: a plain text of about 1.3 kB."""
    to = ", ".join(f"person{n}@example.com" for n in range(recipients))
    return {"to": to, "subject": f"Incident {number}: what was done", "body": _LINE * 16}


def sets(count: int) -> list[dict[str, str]]:
    return [parameters(number) for number in range(count)]


def asset(port: int, **fields: object) -> dict[str, Any]:
    """Asset fields for a server on this machine that wants neither TLS nor a login."""
    return {
        "server": "127.0.0.1",
        "port": port,
        "ssl_config": "None",
        "auth_type": "Passwordless",
        "sender_address": SENDER,
        **fields,
    }


def command(port: int, folder: Path) -> list[str]:
    """The command line that sends one of them there, without the interpreter; its files are put into `folder`."""
    account, mail = folder / "asset.json", folder / "mail.json"
    account.write_text(json.dumps(asset(port)))
    mail.write_text(json.dumps(parameters(0)))
    program = [str(_ROOT / "smtp_connector.py"), "run", "send email"]
    return [*program, "--asset", str(account), "--params", str(mail)]


def ready() -> bytes:
    """A finished message of 1.5 kB."""
    head = f"From: {SENDER}\r\nTo: person0@example.com\r\nSubject: Incident\r\nMessage-ID: <1@example.com>\r\n\r\n"
    body = "x" * 70 + "\r\n"
    return (head + body * ((1500 - len(head)) // len(body))).encode()
