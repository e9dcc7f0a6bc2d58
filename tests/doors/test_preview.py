"""`preview` and `send --dry-run`: the mail that would be sent, and nothing connected."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM
from host.local.home import HOME_VARIABLE, Home
from smtp_connector import POOL
from tests.support.catcher import Catcher

SCRIPT = Path(__file__).resolve().parents[2] / "smtp_connector.py"
MAIL = ("--to", "Jané <jane@example.com>", "--bcc", "unseen@example.com", "--subject", "Grüße")


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Catcher) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    server.write_asset(tmp_path / "asset.json")
    (tmp_path / "mail.html").write_text('<p>Hello <b>Jané</b></p><img src="cid:logo">')
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 2048)
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(command: str, *argv: str) -> tuple[int, str, str]:
        code = main([command, "--asset", "asset.json", *argv], POOL)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def preview(call: Any) -> Any:
    return lambda *argv: call("preview", *argv)


HTML = ("--html", "mail.html", "--inline", "logo=logo.png")


@pytest.mark.parametrize(
    ("to", "bcc", "hidden"),
    [
        ("info@münchen.example", "", ""),
        ("Jané <info@MÜNCHEN.example>, 'a b' <bob@example.com>", "", ""),
        ('"a b"@example.com', "", ""),
        ("jbob@example.com", "bob@example.com", "bob@example.com"),
        ("bob@example.com.test", "bob@example.com", "bob@example.com"),
    ],
)
def test_who_is_not_named_in_the_mail_is_told(preview: Any, to: str, bcc: str, hidden: str) -> None:
    code, out, _ = preview("--to", to, *(("--bcc", bcc) if bcc else ()), "--subject", "S", "--body", "x")
    assert code == 0
    told = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("Not named in it")]
    assert told == ([hidden] if hidden else [])


def test_it_is_shown_as_a_reader_sees_it(preview: Any, server: Catcher) -> None:
    code, out, err = preview(*MAIL, "--body", "Hello\nJané", "--attach", "large.bin")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == ["From: soc@example.com", "To: Jané <jane@example.com>", "Subject: Grüße"]
    assert "Not named in it: unseen@example.com" in lines
    assert lines[lines.index("") + 1 :][:2] == ["Hello", "Jané"]
    assert "[large.bin, application/octet-stream, 524,288 octets]" in lines
    assert re.fullmatch(r"2 recipients, [\d,]+ octets\. Nothing was sent\.", lines[-1])
    assert not server.messages


def test_its_html_is_shown_as_it_would_go_out(preview: Any) -> None:
    code, out, _ = preview(*MAIL, *HTML, "--show", "html")
    assert code == 0
    assert "<p>Hello <b>Jané</b></p>" in out
    assert "No HTML" not in out
    code, out, err = preview(*MAIL, "--body", "x", "--show", "html")
    assert (code, out, err) == (0, "", "warning: This mail has no HTML.\n")


@pytest.mark.parametrize("attached", [(), ("--attach", "large.bin")])
def test_the_message_itself_is_printed_octet_by_octet(
    preview: Any, monkeypatch: pytest.MonkeyPatch, attached: tuple[str, ...]
) -> None:
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets))
    code, _, _ = preview(*MAIL, "--body", "Hello Jané", *attached, "--show", "eml")
    assert code == 0
    message = BytesParser(policy=policy.default).parsebytes(octets.getvalue())
    assert (message["Subject"], message["Bcc"]) == ("Grüße", None)
    assert message.get_body(("plain",)).get_content().strip() == "Hello Jané"
    assert [part.get_filename() for part in message.iter_attachments()] == list(attached[1:])
    assert Home().vault.list() == (), "nothing stays in the vault"


def test_all_that_is_known_is_printed_as_json(preview: Any) -> None:
    code, out, _ = preview(*MAIL, *HTML, "--show", "json")
    data = json.loads(out)
    assert code == 0
    assert data["recipients"] == ["jane@example.com", "unseen@example.com"]
    assert {part["content_id"] for part in data["structure"] if part["content_id"]} == {"logo"}
    code, out, _ = preview(*MAIL, "--body", "x", "--json")
    document = json.loads(out)
    assert (document["status"], document["result_data"][0]["data"][0]["subject"]) == ("success", "Grüße")


def test_what_is_wrong_with_it_is_told(preview: Any) -> None:
    code, out, err = preview("--to", "no address", "--body", "x")
    assert (code, out) == (1, "")
    assert err.startswith(f"{PROGRAM}: This can't be sent: to: 'no address' is not a valid address")
    assert err.count("\n") == 1


def test_warnings_are_told_beside_it(preview: Any) -> None:
    code, out, err = preview(*MAIL, "--html", "mail.html")
    assert (code, "Hello" in out) == (0, True)
    assert err.startswith("warning: ")
    assert "logo" in err


def test_a_dry_run_sends_nothing_and_says_so(call: Any, server: Catcher) -> None:
    code, out, _ = call("send", *MAIL, "--body", "x", "--attach", "logo.png", "--dry-run")
    document = json.loads(out)
    assert (code, document["message"]) == (0, "This is the message that would be sent; nothing was sent")
    assert not server.messages
    assert Home().vault.list() == ()
    code, out, err = call("send", "--to", "no address", "--body", "x", "--dry-run")
    assert (code, json.loads(out)["status"]) == (1, "failed")
    assert "no address" in err


def test_a_dry_run_finds_an_asset_that_is_wrong(call: Any, folder: Path) -> None:
    (folder / "asset.json").write_text('{"server": "mx", "ssl_config": "TLS"}')
    code, out, err = call("send", *MAIL, "--body", "x", "--dry-run")
    assert (code, out) == (2, "")
    assert "ssl_config: 'TLS' is not allowed" in err


@pytest.mark.parametrize("command", [("send", "--dry-run"), ("run", "preview email")])
def test_at_a_terminal_it_can_be_read(command: tuple[str, ...], folder: Path) -> None:
    mail = (
        MAIL
        if command[0] == "send"
        else ("--params", json.dumps({"to": "jane@example.com", "subject": "Grüße"}))
    )
    terminal, end = pty.openpty()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *command, "--asset", "asset.json", *mail],
        stdout=end,
        stderr=subprocess.PIPE,
        cwd=folder,
        timeout=60,
        check=False,
    )
    os.close(end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.returncode == 0, done.stderr
    assert "Subject: Grüße\r\n" in shown
    assert "Nothing was sent." in shown
