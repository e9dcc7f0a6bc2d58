"""Programs at a console that runs as a process: schemathesis, a client of SOAR's, and the official client of MCP."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from host.local.home import HOME_VARIABLE, Home
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Role
from host.local.people.tokens import Tokens
from tests.real.connector import ROOT
from tests.real.consoles import Served, serving, signed_in

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance, ignored_auth]
RUNS = "POST /rest/action_run"
ENDS_WITHIN = 60.0
REASON = "The user asked for <b>it</b>"


@pytest.fixture
def token(home: Home) -> str:
    return Tokens(PeopleDatabase(home.folder)).make("a program", Role.ADMINISTRATOR)


@pytest.fixture
def served(home: Home, token: str) -> Iterator[Served]:
    with serving(home, "--catch") as console:
        yield console


class Soar:
    """A client of SOAR's REST API."""

    def __init__(self, served: Served, token: str) -> None:
        self._base = served.base
        self._session = requests.Session()
        self._session.headers["ph-auth-token"] = token
        self._session.trust_env = False

    def get(self, path: str, **query: Any) -> Any:
        return self._session.get(f"{self._base}/rest/{path}", params=query, timeout=60).json()

    def post(self, path: str, body: Any) -> Any:
        return self._session.post(f"{self._base}/rest/{path}", json=body, timeout=60).json()

    def ended(self, number: int) -> Any:
        until = time.monotonic() + ENDS_WITHIN
        while (run := self.get(f"action_run/{number}"))["status"] in ("pending", "running"):
            assert time.monotonic() < until
            time.sleep(0.05)
        return run


def test_a_client_of_soar_runs_an_action_with_a_file(served: Served, token: str) -> None:
    soar = Soar(served, token)
    file = {
        "container_id": 7,
        "file_name": "report.txt",
        "file_content": base64.b64encode(b"the report").decode(),
    }
    vault_id = soar.post("container_attachment", file)["vault_id"]
    found = soar.get("container_attachment", _filter_vault_document__hash=f'"{vault_id}"')
    assert [one["name"] for one in found["data"]] == ["report.txt"]
    asset = soar.get("asset", _filter_name='"catcher"')["data"][0]
    parameters = {"to": "jane@example.com", "subject": "By REST", "body": "Hello", "attachments": vault_id}
    targets = [{"app_id": 1, "assets": [asset["id"]], "parameters": [parameters]}]
    begun = soar.post(
        "action_run", {"action": "send email", "container_id": 7, "name": "n", "targets": targets}
    )
    assert begun["success"] is True
    assert soar.ended(begun["action_run_id"])["status"] == "success"
    (run,) = soar.get(f"action_run/{begun['action_run_id']}/app_runs", include_expensive="true")["data"]
    assert run["result_data"][0]["data"][0]["outcome"] == "sent"
    assert run["result_summary"]["total_objects_successful"] == 1
    wrong = soar.post(
        "action_run", {"action": "send email", "targets": [{"assets": ["nowhere"], "parameters": [{}]}]}
    )
    assert wrong["failed"] is True
    assert soar.post("action_run", {"action": "send pigeon", "targets": targets})["failed"] is True


def send_to_the_catcher(body: Any) -> None:
    """Runs of assets that are made up would connect to whatever server is: all else stays as it was made up."""
    targets = body.get("targets") if isinstance(body, dict) else None
    for target in targets if isinstance(targets, list) else ():
        if isinstance(target, dict):
            target["assets"] = ["catcher"]


def test_schemathesis_finds_no_server_error(served: Served, token: str) -> None:
    schema = schemathesis.openapi.from_url(f"{served.base}/openapi.json")
    driven = []
    for result in schema.get_all_operations():
        operation = result.ok()
        driven.append(operation.label)

        @settings(
            max_examples=40 if operation.label == RUNS else 8,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            if case.operation.label == RUNS:
                send_to_the_catcher(case.body)
            case.call_and_validate(headers={"ph-auth-token": token}, checks=CHECKS, timeout=60)

        one()
    assert len(driven) >= 16
    assert RUNS in driven
    assert served.process.poll() is None


def test_the_official_client_of_agents_sends_what_a_person_agreed_to(served: Served, home: Home) -> None:
    asset = home.assets.get("catcher")
    home.assets.change(asset.id, "catcher", {**asset.config, "allowed_recipients": "example.com"})
    mail = {
        "to": "jane@example.com",
        "subject": "From an agent",
        "body": "Hello",
        "idempotency_key": "one",
        "reason": "The user asked for it",
    }

    async def agree(_context: Any, _params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"agree": True})

    async def run() -> tuple[list[str], Any, Any]:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["smtp_connector.py", "mcp", "--asset", "catcher"],
            cwd=ROOT,
            env={**os.environ, HOME_VARIABLE: str(home.folder)},
        )
        async with Client(parameters, elicitation_callback=agree) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            sent = await client.call_tool("send_email", mail)
            refused = await client.call_tool(
                "send_email", {**mail, "to": "jane@evil.example", "idempotency_key": "two"}
            )
            return names, sent, refused

    names, sent, refused = asyncio.run(run())
    assert {"send_email", "send_htmlemail", "preview_email", "list_runs", "show_run"} <= set(names)
    assert not sent.is_error, sent.content
    assert refused.is_error
    (run_entry,) = [entry for entry in home.runs.list() if entry.status == "success"]
    assert run_entry.action == "send email"


@pytest.mark.parametrize("header", ["ph-auth-token", "Authorization"])
def test_the_official_client_over_http(served: Served, home: Home, token: str, header: str) -> None:
    """First one that can ask nobody: a person decides in the console, in a browser. Then one that asks."""
    asset = home.assets.get("catcher")
    home.assets.change(asset.id, "catcher", {**asset.config, "allowed_recipients": "example.com"})
    value = f"Bearer {token}" if header == "Authorization" else token
    mail = {"asset": "catcher", "to": "jane@example.com", "subject": "From an agent", "body": "Hello"}
    asked: list[str] = []

    async def agree(_context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="accept", content={"agree": True})

    def called(key: str, can_ask: bool) -> Any:
        async def call() -> Any:
            async with (
                httpx2.AsyncClient(headers={header: value}, timeout=60) as http,
                Client(
                    streamable_http_client(f"{served.base}/mcp", http_client=http),
                    elicitation_callback=agree if can_ask else None,
                ) as client,
            ):
                return await client.call_tool(
                    "send_email", {**mail, "idempotency_key": key, "reason": REASON}
                )

        return asyncio.run(call())

    waiting = called("one", False)
    assert waiting.structured_content["state"] == "waiting"
    code = waiting.structured_content["approval_code"]
    with signed_in(served) as page:
        served.open(page, "/approvals")
        page.fill("#code", code)
        page.click("button >> text=/^Look$/")
        assert REASON in page.inner_text("main")
        page.click("text=Let it send this mail")
        assert "The agent may send that mail, once" in page.inner_text("main")
        served.open(page, f"/approvals?code={code}")
        assert "There is no request with this code" in page.inner_text("main")
    sent = called("one", False)
    assert not sent.is_error, sent.content
    assert not called("one", False).is_error, "asked for again, it is the same run"
    assert asked == []
    assert not called("two", True).is_error
    (question,) = asked
    assert REASON in question
    assert len([entry for entry in home.runs.list() if entry.status == "success"]) == 2
