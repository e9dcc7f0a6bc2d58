"""The example playbook, run as a user would run it, against a server that refuses one of the mailboxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from tests.support.catcher import Catcher

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "phishing_response.py"
ADDRESSES = (
    *("--analysts", "soc@example.com, lead@example.com"),
    *("--help-desk", "help@example.com"),
    *("--abuse-desk", "abuse@example.org"),
)


def respond(folder: Path, server: str, port: int, *affected: str) -> subprocess.CompletedProcess[str]:
    asset = {"server": server, "port": port, "ssl_config": "None", "sender_address": "sender@example.com"}
    (folder / "asset.json").write_text(json.dumps(asset))
    return subprocess.run(
        [sys.executable, EXAMPLE, "--asset", folder / "asset.json", *ADDRESSES, "--affected", *affected],
        env={**os.environ, "SMTP_CONNECTOR_HOME": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=100,
    )


def read(content: bytes) -> EmailMessage:
    return BytesParser(policy=policy.default).parsebytes(content)


def test_a_refused_mailbox_is_handed_to_the_help_desk(tmp_path: Path) -> None:
    refused = {"gone@example.com": "550 5.1.1 no such user"}
    with Catcher("plain", refused=refused) as server:
        done = respond(
            tmp_path, server.host, server.port, "jane@example.com", "gone@example.com", "bob@example.com"
        )
    assert (done.returncode, done.stderr) == (0, "")
    received = {", ".join(mail.rcpt_tos): read(mail.content) for mail in server.messages}
    assert list(received) == [
        "sender@example.com",
        "soc@example.com, lead@example.com",
        "jane@example.com",
        "bob@example.com",
        "help@example.com",
        "abuse@example.org",
    ]
    (evidence,) = received["soc@example.com, lead@example.com"].iter_attachments()
    assert evidence.get_filename() == "reported-mail.eml"
    help_desk = received["help@example.com"].get_content()
    assert "- gone@example.com: 550 no such user" in help_desk
    assert "jane@example.com" not in help_desk
    report = received["abuse@example.org"]
    assert report.get_content_type() == "multipart/report"
    assert [part.get_content_type() for part in report.iter_parts()] == [
        "text/plain",
        "message/feedback-report",
        "message/rfc822",
    ]


def test_the_help_desk_hears_nothing_when_all_were_reached(tmp_path: Path) -> None:
    with Catcher("plain") as server:
        done = respond(tmp_path, server.host, server.port, "jane@example.com")
    assert done.returncode == 0
    assert ("help@example.com",) not in [mail.rcpt_tos for mail in server.messages]


def test_without_a_server_a_person_has_to_take_over(tmp_path: Path) -> None:
    with Catcher("plain") as server:
        port = server.port
    done = respond(tmp_path, "127.0.0.1", port, "jane@example.com")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("No mail can be sent, so a person has to take over: ")
