"""The two ways to the tools: a process that speaks on standard input and output, and `/mcp` beside the console."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from delivery.pool import Pool
from doors.console.app import make_app
from doors.console.catcher import Catcher
from doors.console.console import Address, Console
from doors.mcp.desk import Desk
from doors.mcp.server import OverHttp
from host.local.home import HOME_VARIABLE, Home
from host.local.people.roles import Role
from host.manifest.model import load

ROOT = Path(__file__).resolve().parents[3]
MAIL = {
    "asset": "prod",
    "to": "jane@example.com",
    "subject": "From an agent",
    "body": "Hello",
    "idempotency_key": "one",
    "reason": "The user asked for it",
}


async def agree(_context: Any, _params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"agree": True})


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A console that is served, with an asset over which agents may write to example.com."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with Catcher() as catcher, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        console = Console(load(), Home(), Pool(), Address(f"http://{host}", frozenset({host})), catcher)
        console.home.assets.add("prod", {**catcher.asset, "allowed_recipients": "example.com"})
        app = make_app(
            console, OverHttp(Desk(console.manifest, console.home, console.pool, ()), console.tokens)
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield console
        server.should_exit = True
        thread.join(60)


def use(console: Console, headers: dict[str, str], mode: str = "auto") -> Any:
    async def run() -> Any:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(
                streamable_http_client(f"{console.address.url}/mcp", http_client=http),
                elicitation_callback=agree,
                mode=mode,
            ) as client,
        ):
            return await client.call_tool("send_email", MAIL)

    return asyncio.run(run())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("header", ["ph-auth-token", "Authorization"])
def test_an_agent_with_a_token_sends_what_a_person_agreed_to(
    console: Console, header: str, mode: str
) -> None:
    token = console.tokens.make("agent", Role.SENDER)
    value = f"Bearer {token}" if header == "Authorization" else token
    result = use(console, {header: value}, mode)
    assert not result.is_error, result.content
    assert console.catcher is not None
    assert [mail.recipients for mail in console.catcher.mailbox.list()] == [("jane@example.com",)]
    assert any(line.who == "token agent" for line in console.audit.list())


def test_a_token_that_may_look_only_sends_nothing(console: Console) -> None:
    result = use(console, {"ph-auth-token": console.tokens.make("viewer", Role.VIEWER)})
    assert result.is_error
    assert "role sender" in result.content[0].text
    assert console.catcher is not None
    assert console.catcher.mailbox.list() == ()


def test_without_a_token_there_are_no_tools(console: Console) -> None:
    answer = httpx2.post(
        f"{console.address.url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    )
    assert (answer.status_code, answer.json()["failed"]) == (401, True)


def test_a_process_speaks_on_its_standard_streams(console: Console) -> None:
    async def run() -> Any:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["smtp_connector.py", "mcp", "--asset", "prod"],
            cwd=ROOT,
            env={**os.environ, HOME_VARIABLE: str(console.home.folder)},
        )
        async with Client(parameters, elicitation_callback=agree) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            given = {name: value for name, value in MAIL.items() if name != "asset"}
            return names, await client.call_tool("send_email", given)

    names, result = asyncio.run(run())
    assert "send_htmlemail" in names
    assert not result.is_error, result.content
    assert console.catcher is not None
    assert len(console.catcher.mailbox.list()) == 1
