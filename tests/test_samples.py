"""What the README shows is run as it stands, against a mail server that keeps what it is given."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import yaml

from doors.demo.server import DemoServer
from tests.support.authority import authority
from tests.support.catcher import Catcher

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(path for folder in (".", "docs", "examples") for path in ROOT.glob(f"{folder}/*.md"))


def samples(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A home folder with the README's asset, whose server is the demo's, and a data folder of its own."""

    home: Path
    server: DemoServer

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable if part == ".venv/bin/python" else part for part in command]
        command = [part.replace("~", str(self.home)) for part in command]
        environment = {**os.environ, "HOME": str(self.home), "SMTP_CONNECTOR_HOME": str(self.home / "data")}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    (sample,) = samples(README, "json")
    with DemoServer() as server:
        asset = {**json.loads(sample), **server.asset}
        (tmp_path / "asset.json").write_text(json.dumps(asset), encoding="utf-8")
        yield Newcomer(tmp_path, server)


def subjects(newcomer: Newcomer) -> list[str]:
    return [
        message_from_bytes(mail.content, policy=policy.default)["Subject"] for mail in newcomer.server.take()
    ]


def test_the_asset_is_one_that_the_manifest_knows() -> None:
    fields = json.loads((ROOT / "connector.json").read_text(encoding="utf-8"))["configuration"]
    (sample,) = samples(README, "json")
    assert set(json.loads(sample)) <= set(fields)


def test_the_first_mail_leaves_from_the_command_line(newcomer: Newcomer) -> None:
    (lines,) = [sample for sample in samples(README, "sh") if "smtp_connector.py" in sample]
    commands = [shlex.split(line) for line in lines.replace("\\\n", " ").splitlines()]
    assert commands.pop(0) == ["make", "setup"]
    for command in commands:
        done = newcomer.run(command)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["status"] == "success"
    assert subjects(newcomer)[-1:] == ["Hello"]


def test_the_first_mail_leaves_from_python(newcomer: Newcomer) -> None:
    stored = newcomer.run(
        [".venv/bin/python", "smtp_connector.py", "asset", "add", "prod", "--config", "~/asset.json"]
    )
    assert stored.returncode == 0, stored.stderr
    (sample,) = samples(README, "python")
    done = newcomer.run([".venv/bin/python", "-c", sample])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert subjects(newcomer) == ["Hello"]


def test_files_and_a_message_leave_from_python(newcomer: Newcomer) -> None:
    stored = newcomer.run(
        [".venv/bin/python", "smtp_connector.py", "asset", "add", "prod", "--config", "~/asset.json"]
    )
    assert stored.returncode == 0, stored.stderr
    (sample,) = [sample for sample in samples(LIBRARY, "python") if "EmailMessage()" in sample]
    (newcomer.home / "report.txt").write_text("Grüße", encoding="utf-8")
    (newcomer.home / "report.pdf").write_bytes(b"%PDF-1.7 ")
    program = f"import os, smtp_connector; os.chdir({str(newcomer.home)!r})\n{sample}"
    done = newcomer.run([".venv/bin/python", "-c", program])
    assert (done.returncode, done.stdout, done.stderr) == (0, "True sent Email sent []\n", "")
    first, second = (message_from_bytes(m.content, policy=policy.default) for m in newcomer.server.take())
    assert (first["Subject"], second["Subject"]) == ("Report", "Hello")
    assert first.get_body().get_content().strip() == "Grüße"
    assert [part.get_filename() for part in first.iter_attachments()] == ["report.pdf"]
    assert second.get_content().strip() == "It works."


# What the samples take for given: a mail server, a password, a message.
ABOUT_THE_SAMPLE = """
import socket
find = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, **rest: find("127.0.0.1", {port}, **rest)
password, message = "secret", b"Subject: Hello\\r\\n\\r\\nIt works.\\r\\n"
"""


@pytest.mark.parametrize(
    ("called", "logins", "content", "recipients"),
    [
        (
            "Session.connect(",
            {"soc@example.com": "secret"},
            b"It works.",
            ["ann@example.org", "bob@example.net"],
        ),
        (
            "send_mail(",
            {"user@example.com": "password"},
            b"This is the email body.",
            ["recipient@example.net"],
        ),
    ],
)
def test_a_mail_leaves_by_the_samples_of_smtp(
    tmp_path: Path, called: str, logins: dict[str, str], content: bytes, recipients: list[str]
) -> None:
    (sample,) = [sample for sample in samples(LIBRARY, "python") if called in sample]
    (tmp_path / "authority.pem").write_text(authority().pem)
    with Catcher("starttls", logins=logins, context=authority().server("mail.example.com")) as server:
        done = subprocess.run(
            [sys.executable, "-c", ABOUT_THE_SAMPLE.format(port=server.port) + sample],
            cwd=ROOT,
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "authority.pem")},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    (mail,) = server.messages
    assert content in mail.content
    assert [*mail.rcpt_tos] == recipients
    assert {mail.username} == logins.keys()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_sample_can_be_read_by_its_language(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"^```(?!(?:json|python|sh|toml|ini|yaml|)$)", text, re.MULTILINE)
    for sample in samples(text, "json"):
        json.loads(sample)
    for sample in samples(text, "yaml"):
        list(yaml.safe_load_all(sample))
    for sample in samples(text, "python"):
        compile(sample, str(path), "exec")
    for sample in samples(text, "sh"):
        assert subprocess.run(["/bin/sh", "-n"], input=sample, text=True).returncode == 0
