"""Action runs as the platform makes them: an input in, a result out, and everything said and left behind kept."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smtp_connector import SmtpConnector

ROOT = Path(__file__).resolve().parents[2]
Fields = dict[str, Any]

SECRETS: Mapping[str, str] = {
    "password": "canary-Pa55?word~one",
    "client_secret": "canary-5ecret>client",
    "refresh_token": "canary-Refre5h+token",
    "client_key_password": "canary-Key}pa55word",
    "smime_key_password": "canary-Mime}pa55word",
}
"""Asset fields that must never be seen again, with values that are easy to search for."""


def asset(service: Any, **fields: object) -> Fields:
    """Asset fields for a server of the tests, in clear, without a login, with a sender; every secret is filled in."""
    return {
        "server": service.host,
        "port": service.port,
        "ssl_config": "None",
        "sender_address": "sender@example.com",
        "auth_type": "Passwordless",
        "read_timeout": 5,
        "connection_timeout": 5,
        **SECRETS,
        **fields,
    }


@dataclass(frozen=True)
class Run:
    """What an action run gave back: the result document, and the progress texts on the way."""

    document: Fields
    progress: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return bool(self.document["status"] == "success")

    @property
    def results(self) -> list[Fields]:
        results: list[Fields] = self.document["result_data"]
        return results

    @property
    def result(self) -> Fields:
        """The only action result."""
        (result,) = self.results
        return result

    @property
    def message(self) -> str:
        return str(self.result["message"])

    @property
    def data(self) -> Fields:
        """The only data object of the only action result."""
        (data,) = self.result["data"]
        fields: Fields = data
        return fields

    @property
    def failure(self) -> Fields:
        failure: Fields = self.data["failure"]
        return failure

    @property
    def warnings(self) -> list[str]:
        warnings: list[str] = self.data["warnings"]
        return warnings

    @property
    def statuses(self) -> dict[str, str]:
        """What became of each recipient."""
        return {recipient["address"]: recipient["status"] for recipient in self.data["recipients"]}


@dataclass(frozen=True)
class Command:
    """What the command line did: `stdout` is one JSON document, or empty."""

    code: int
    stdout: str
    stderr: str

    @property
    def run(self) -> Run:
        return Run(json.loads(self.stdout), tuple(self.stderr.splitlines()))


@dataclass
class Runner:
    """Runs actions with `home` as the data folder; remembers everything that was said.

    `watch` is called with each progress text of a run in this process, while it is under way.
    """

    home: Path
    said: list[str] = field(default_factory=list)
    watch: Callable[[str], None] = lambda _: None

    def __call__(self, identifier: str, fields: Fields, *parameters: object, **more: object) -> Run:
        """In this process, through the platform's entry. `more` goes into the input."""
        document = {
            "identifier": identifier,
            "config": fields,
            "parameters": list(parameters) or [{}],
            **more,
        }
        return self.of(json.dumps(document))

    def of(self, in_json: str) -> Run:
        """The same, of an input that is written out."""
        connector = SmtpConnector()
        progress: list[str] = []

        def show(text: str) -> None:
            progress.append(text)
            self.watch(text)

        connector.show_progress = show
        answer = connector._handle_action(in_json, None)
        self.said += [answer, *progress]
        return Run(json.loads(answer), tuple(progress))

    def command(self, *arguments: str, stdin: str = "", file: Fields | None = None) -> Command:
        """`python smtp_connector.py ARGUMENTS`; `file` becomes the JSON file that `--asset` names."""
        if file is not None:
            path = self.home.parent / "asset.json"
            path.write_text(json.dumps(file))
            arguments = (*arguments, "--asset", str(path))
        done = subprocess.run(
            [sys.executable, str(ROOT / "smtp_connector.py"), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": "/usr/bin:/bin", "SMTP_CONNECTOR_HOME": str(self.home), "LANG": "C.UTF-8"},
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        return Command(done.returncode, done.stdout, done.stderr)

    def add_to_vault(self, name: str, content: bytes, container_id: str = "") -> str:
        """A file in the vault; returns its id."""
        from host.local.home import Home

        path = self.home.parent / "to-be-added"
        path.write_bytes(content)
        return Home(self.home).vault.add(path, container_id, name).vault_id

    def vault_file(self, vault_id: str) -> Path:
        """Where the vault keeps it."""
        return self.home / "vault" / vault_id[:2] / vault_id

    def exposed(self) -> list[str]:
        """The secrets, by their asset field, that are in something that was said or in a file of the data folder."""
        octets = [text.encode() for text in self.said]
        octets += [path.read_bytes() for path in self.home.rglob("*") if path.is_file()]
        return [
            name
            for name, secret in SECRETS.items()
            for form in forms(secret)
            if any(form in some for some in octets)
        ]


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may look: as it is, and in base64, which has three forms that depend on what stands before it."""
    data = secret.encode()
    yield data
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        # The first and the last group hold bits of the neighbours too.
        yield encoded[4 if before else 0 : len(encoded) - 4]
