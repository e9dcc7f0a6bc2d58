"""A sidecar of our own in this process, and what clients say to it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from delivery.pool import Pool
from doors.dapr.binding import Binding
from doors.dapr.component import read_component
from doors.dapr.http import HttpDoor
from doors.dapr.resources import Resources
from doors.dapr.sidecar import Sidecar
from host.local.home import Home
from tests.support.fixtures import run

__all__ = ["run"]


@dataclass(frozen=True)
class HttpAnswer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A bindings API over HTTP; `told` is what it said on standard error."""

    home: Home
    stack: ExitStack
    told: list[str] = field(default_factory=list)
    resources: Resources = field(default_factory=Resources)
    max_body: int = 4 << 20

    def component(self, name: str, **metadata: object) -> None:
        """One that sends to a server of the tests."""
        fields = {"skipTLSVerify": "true"} | {key: str(value) for key, value in metadata.items()}
        self.resources.components[name] = read_component(name, fields)

    def binding(self) -> Binding:
        return Binding(self.home, Pool(), self.told.append)

    def sidecar(self) -> Sidecar:
        return Sidecar(self.resources, self.binding(), "1.2.3")

    def http(self) -> HttpClient:
        listener = socket.create_server(("127.0.0.1", 0))
        door = HttpDoor(self.sidecar(), listener, self.max_body)
        door.start()
        self.stack.callback(door.stop)
        return HttpClient(int(listener.getsockname()[1]))


@dataclass(frozen=True)
class HttpClient:
    port: int

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """`body` is octets or text, or what becomes JSON."""
        data = body if isinstance(body, bytes | str | None) else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, dict(headers or {}))
            response = connection.getresponse()
            return HttpAnswer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def create(self, name: str = "smtp", data: object = "hello", **metadata: str | None) -> HttpAnswer:
        """Ask a binding to send a mail."""
        body = {"operation": "create", "metadata": metadata, "data": data}
        return self.ask("POST", f"/v1.0/bindings/{name}", body)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DAPR_API_TOKEN", raising=False)
    with ExitStack() as stack:
        yield Served(Home(), stack)
