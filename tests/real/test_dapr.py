"""Dapr's own clients ask the binding for mails, without Dapr: PyPI's over gRPC, npm's over HTTP and gRPC."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.doors.dapr.samples import REQUEST, component
from tests.real.processes import ServerTrouble, run
from tests.support.catcher import Catcher

_SOURCES = Path(__file__).parent / "dapr"
_ROOT = Path(__file__).parents[2]
_NODE = _ROOT / ".local" / "dapr"
_PYTHON = _ROOT / ".local" / "dapr-python"
_SECONDS = 300
_REFUSED = "no@example.net"

Fields = dict[str, Any]
Ask = Callable[[Fields], Fields]


@dataclass(frozen=True)
class Sidecar:
    """The binding, and the server that it sends to."""

    http: str
    grpc: str
    server: Catcher


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("dapr")
    refused = {_REFUSED: "550 5.1.1 no such user"}
    with Catcher("starttls", logins={"username": "password"}, refused=refused) as server:
        (folder / "smtp.yaml").write_text(component(server.host, server.port))
        command = [str(_ROOT / "smtp_connector.py"), "dapr", "--resources", str(folder)]
        process = subprocess.Popen(
            [sys.executable, *command, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "SMTP_CONNECTOR_HOME": str(folder / "home")},
        )
        assert process.stderr is not None
        ports: dict[str, str] = {}
        for line in process.stderr:
            if found := re.search(r"listening on 127\.0\.0\.1:(\d+) for (\w+)", line):
                ports[found[2]] = found[1]
            if len(ports) == 2:
                break
        rest = threading.Thread(target=process.stderr.read)  # so that it never waits for a reader
        rest.start()
        yield Sidecar(ports["HTTP"], ports["gRPC"], server)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        rest.join()
        process.stderr.close()


@pytest.fixture(scope="module")
def python() -> str:
    """PyPI's client, in an environment of its own that is kept for the next time."""
    lock = (_SOURCES / "requirements.txt").read_bytes()
    program, stamp = _PYTHON / "bin" / "python", _PYTHON / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        uv = str(Path(sys.executable).parent / "uv")
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_PYTHON)], seconds=_SECONDS)
        install = [uv, "pip", "install", "--quiet", "--python", str(program), "--require-hashes"]
        run([*install, "--requirement", str(_SOURCES / "requirements.txt")], seconds=_SECONDS)
        stamp.write_bytes(lock)
    return str(program)


@pytest.fixture(params=["PyPI over gRPC", "npm over HTTP", "npm over gRPC"])
def ask(request: pytest.FixtureRequest, sidecar: Sidecar) -> Ask:
    """Sends a request by one of the clients; returns what it got back, or its error."""
    if request.param == "PyPI over gRPC":
        client = [request.getfixturevalue("python"), str(_SOURCES / "client.py"), sidecar.grpc]
    else:
        if not (_NODE / "node_modules").is_dir():
            raise ServerTrouble("npm's Dapr client is not there. `make test-real` installs it.")
        # Node looks for modules beside the script that asks for them.
        (_NODE / "client.js").write_text((_SOURCES / "client.js").read_text())
        protocol = "http" if request.param == "npm over HTTP" else "grpc"
        client = ["node", str(_NODE / "client.js"), protocol, getattr(sidecar, protocol)]

    def asked(body: Fields) -> Fields:
        environment = {**os.environ, "DAPR_HTTP_PORT": sidecar.http, "DAPR_RUNTIME_HOST": "127.0.0.1"}
        done = subprocess.run(
            [*client, json.dumps(body)], capture_output=True, text=True, env=environment, timeout=120
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines, done.stdout + done.stderr
        answer: Fields = json.loads(lines[-1])
        return answer

    return asked


def test_the_documentations_request_is_sent(ask: Ask, sidecar: Sidecar) -> None:
    before = len(sidecar.server.messages)
    answer = ask({"binding": "smtp", **json.loads(REQUEST)})
    assert answer["data"]["outcome"] == "sent", answer
    (caught,) = sidecar.server.messages[before:]
    assert caught.username == "username"
    assert caught.rcpt_tos == (
        "dapr-smtp-binding@example.net",
        "cc1@example.net",
        "cc2@example.net",
        "bcc@example.com",
    )
    message = message_from_bytes(caught.content, policy=policy.default)
    assert message["Message-ID"] == answer["data"]["message_id"]
    html = message.get_body(("html",))  # type: ignore[attr-defined] # the policy's messages have it
    assert html.get_content().strip() == "Testing Dapr SMTP Binding"


def test_the_metadata_of_the_answer_arrives(ask: Ask) -> None:
    answer = ask({"binding": "smtp", **json.loads(REQUEST)})
    if "metadata" in answer:  # npm's client over HTTP gives its caller the data alone
        assert answer["metadata"]["outcome"] == "sent"
        assert answer["metadata"]["messageId"] == answer["data"]["message_id"]
    assert answer["data"]["recipients"][0]["status"] == "accepted"


def test_an_error_is_the_callers_to_read(ask: Ask, sidecar: Sidecar) -> None:
    before = len(sidecar.server.messages)
    metadata = {"emailTo": _REFUSED, "emailCC": _REFUSED, "emailBCC": _REFUSED}
    answer = ask({"binding": "smtp", "operation": "create", "data": "x", "metadata": metadata})
    assert "550 5.1.1 no such user" in answer["error"]
    assert "couldn't find output binding other" in ask({"binding": "other", **json.loads(REQUEST)})["error"]
    assert len(sidecar.server.messages) == before
