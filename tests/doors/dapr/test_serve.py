"""`smtp_connector.py dapr` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.doors.dapr.conftest import HttpClient
from tests.doors.dapr.samples import COMPONENT, REQUEST, component
from tests.support.catcher import Catcher

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Process:
    """The command; what it says is read as far as somebody waits for it."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for a line. Fails if the process ends without it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"it never said {pattern!r}, but {self.said}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=60)
        self.said += rest.splitlines()
        return self.process.returncode


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    processes: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "smtp_connector.py"), "dapr", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "SMTP_CONNECTOR_HOME": str(tmp_path / "home"), **environment},
        )
        processes.append(process)
        return Process(process)

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    folder = tmp_path / "components"
    folder.mkdir()
    return folder


def test_the_documentations_component_and_request_send_a_mail(start: Any, resources: Path) -> None:
    with Catcher("starttls", logins={"username": "password"}) as server:
        (resources / "smtp.yaml").write_text(component(server.host, server.port))
        process = start("--resources", str(resources), "--http", "127.0.0.1:0")
        port = int(process.says(r"listening on 127\.0\.0\.1:(\d+) for HTTP")[1])
        answer = HttpClient(port).ask("POST", "/v1.0/bindings/smtp", REQUEST)
        assert answer.status == 200, answer.body
        assert process.stop() == 0
    (caught,) = server.messages
    assert caught.username == "username"
    assert caught.rcpt_tos == (
        "dapr-smtp-binding@example.net",
        "cc1@example.net",
        "cc2@example.net",
        "bcc@example.com",
    )
    assert any(re.fullmatch(r"smtp: sent <\S+>, \d+ ms\.", line) for line in process.said)


def test_a_broken_component_is_told_and_its_requests_fail_with_its_error(start: Any, resources: Path) -> None:
    with Catcher() as server:
        (resources / "a.yaml").write_text(COMPONENT)
        other = component(server.host, server.port).replace("name: smtp\n", "name: good\n")
        (resources / "b.yaml").write_text(other)
        process = start("--resources", str(resources), "--http", "127.0.0.1:0")
        port = int(process.says(r"listening on 127\.0\.0\.1:(\d+) for HTTP")[1])
        answer = HttpClient(port).ask("POST", "/v1.0/bindings/smtp", REQUEST)
        assert process.stop() == 0
    assert answer.status == 500
    error = "smtp binding error: Unable to parse specified port to integer value"
    assert answer.json["message"].startswith(f"error invoking output binding smtp: {error}")
    assert any(error in line for line in process.said)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--resources", "{folder}", "--http", "127.0.0.1:0"), "There is no component of type bindings.smtp"),
        (("--resources", "{folder}/absent", "--http", "127.0.0.1:0"), "can't be read"),
        (("--http", "127.0.0.1:0"), "--http and --grpc need --resources"),
        (("--resources", "{good}", "--http", "nowhere"), "nowhere is not HOST:PORT"),
        (("--resources", "{good}", "--http", "127.0.0.1:²"), "127.0.0.1:² is not HOST:PORT"),
        (("--resources", "{good}", "--http", "192.0.2.1:1"), "192.0.2.1:1 can't be listened on"),
        (("--resources", "{good}", "--http", "127.0.0.1:0", "--secrets", "{folder}"), "can't be read"),
    ],
)
def test_what_can_not_be_begun_is_one_line_and_exit_code_2(
    start: Any, resources: Path, tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(component("mail.example.com", 587))
    process = start(*(one.format(folder=resources, good=good) for one in arguments))
    assert process.process.wait(timeout=60) == 2
    assert process.says(re.escape(text))
    assert "Traceback" not in "".join(process.said)


def test_every_way_in_is_announced_and_the_socket_goes_with_the_process(
    start: Any, resources: Path, tmp_path: Path
) -> None:
    (resources / "smtp.yaml").write_text(component("mail.example.com", 587))
    folder = tmp_path / "sockets"
    folder.mkdir()
    process = start(
        "--resources",
        str(resources),
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
        "--socket",
        str(folder),
    )
    process.says(r"listening on 127\.0\.0\.1:\d+ for HTTP")
    process.says(r"listening on 127\.0\.0\.1:\d+ for gRPC")
    process.says(rf"listening on {re.escape(str(folder))}/smtp\.sock for Dapr")
    assert (folder / "smtp.sock").is_socket()
    assert process.stop() == 0
    assert not (folder / "smtp.sock").exists()


def test_dapr_alone_is_served_in_its_folder_without_resources(start: Any, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when it starts"
    process = start(DAPR_COMPONENTS_SOCKETS_FOLDER=str(folder))
    process.says(re.escape(f"listening on {folder}/smtp.sock for Dapr"))
    second = start("--socket", str(folder / "smtp.sock"))
    assert second.process.wait(timeout=60) == 2
    assert second.says("is served by another program")
    process.process.kill()  # and leaves its socket behind
    process.process.wait(timeout=60)
    third = start("--socket", str(folder / "smtp.sock"))
    third.says("listening on")
    assert third.stop() == 0


def test_a_file_that_is_no_socket_stays(start: Any, tmp_path: Path) -> None:
    path = tmp_path / "mail.sock"
    path.write_text("precious")
    process = start("--socket", str(path))
    assert process.process.wait(timeout=60) == 2
    assert process.says("it is no socket")
    assert path.read_text() == "precious"
