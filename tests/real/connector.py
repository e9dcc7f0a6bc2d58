"""The connector, as the platform and as a person at a terminal run it: an input, a result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smtp_connector import SmtpConnector
from tests.real.certificates import Certificates
from tests.real.people import PASSWORD
from tests.real.postfix import Service

ROOT = Path(__file__).parents[2]
SENDER = "sender@example.com"
Fields = dict[str, Any]

_SSL_CONFIG = {"plain": "None", "starttls": "StartTLS", "ssl": "SSL"}


def asset(port: int, tls: str, certificates: Certificates, **fields: object) -> Fields:
    """Asset fields for a server of this machine, with the tests' authority and a sender."""
    return {
        "server": "localhost",
        "port": port,
        "ssl_config": _SSL_CONFIG[tls],
        "ca_bundle": str(certificates.certificate),
        "sender_address": SENDER,
        **fields,
    }


def login(username: str, password: str = PASSWORD) -> Fields:
    """Asset fields of Basic authentication."""
    return {"username": username, "password": password}


def switches(service: Service) -> Fields:
    """Asset fields that keep the client from using what `service` does not offer."""
    return {
        f"disable_{keyword}": True for keyword in service.without if keyword in ("chunking", "pipelining")
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
    def message(self) -> str:
        """The messages of all action results, or the run's own where it came to none."""
        return "\n".join(result["message"] for result in self.results) or str(self.document["message"])

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
    def data(self) -> Fields:
        """The only data object of the only action result."""
        (data,) = self.result["data"]
        fields: Fields = data
        return fields


def act(
    identifier: str,
    fields: Fields,
    *parameters: Fields,
    asset_id: str = "",
    progress: Callable[[str], object] = lambda _: None,
) -> Run:
    """Run an action in this process through the platform's entry. `progress` gets each text as it comes."""
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        progress(text)

    connector = SmtpConnector()
    connector.show_progress = tell
    document = {
        "identifier": identifier,
        "asset_id": asset_id,
        "config": fields,
        "parameters": list(parameters) or [{}],
    }
    answer = connector._handle_action(json.dumps(document), None)
    return Run(json.loads(answer), tuple(told))


@dataclass(frozen=True)
class Command:
    """What the command line did: `stdout` is to be one JSON document."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


def command(*arguments: str, home: Path, stdin: str = "") -> Command:
    """`python smtp_connector.py ARGUMENTS` with `home` as its data folder."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "smtp_connector.py"), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=90,
        env={"PATH": "/usr/bin:/bin", "SMTP_CONNECTOR_HOME": str(home), "HOME": str(home), "LANG": "C.UTF-8"},
        check=False,
    )
    return Command(done.returncode, done.stdout, done.stderr)
