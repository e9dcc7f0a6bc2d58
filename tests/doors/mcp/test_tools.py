"""Tools for agents, used by the official client: what is offered, what is refused, who has to agree."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, ElicitResult

from delivery.pool import Pool
from doors.mcp.desk import Desk
from doors.mcp.server import make_server
from host.local.home import HOME_VARIABLE, Home
from host.local.inputs import stored_asset
from host.local.people.approvals import Approvals
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.run import LocalRun, Unwatched, make_request
from host.manifest.model import load
from tests.support.catcher import Catcher

MAIL = {
    "to": "jane@example.com",
    "subject": "From an agent",
    "body": "Hello",
    "idempotency_key": "one",
    "reason": "The user asked for it",
}


@dataclass
class Place:
    """A data folder with an asset, its catcher, and the tools over it."""

    desk: Desk
    catcher: Catcher
    approvals: Approvals
    audit: Audit

    def call(
        self, name: str, arguments: dict[str, Any], agree: bool | None = None, mode: str = "auto"
    ) -> CallToolResult:
        """Call a tool as an agent's program does; `agree` None: it can't ask a person."""
        asked: list[str] = []

        async def ask(_context: Any, params: Any) -> ElicitResult:
            asked.append(params.message)
            return ElicitResult(
                action="accept" if agree else "decline", content={"agree": True} if agree else None
            )

        async def use(client: Client) -> CallToolResult:
            return await client.call_tool(name, arguments)

        result = self.used(use, None if agree is None else ask, mode)
        self.questions = asked
        return result

    def used(self, use: Callable[[Client], Awaitable[Any]], ask: Any = None, mode: str = "auto") -> Any:
        async def run() -> Any:
            async with Client(make_server(self.desk), mode=mode, elicitation_callback=ask) as client:
                return await use(client)

        return asyncio.run(run())

    def tools(self) -> dict[str, Any]:
        async def use(client: Client) -> Any:
            return await client.list_tools()

        return {tool.name: tool for tool in self.used(use).tools}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    home = Home(tmp_path / "home")
    with Catcher() as catcher:
        asset = {
            "server": catcher.host,
            "port": catcher.port,
            "ssl_config": "None",
            "sender_address": "soc@example.org",
            "allowed_recipients": "example.com",
        }
        home.assets.add("prod", asset)
        home.assets.add("open", {**asset, "allowed_recipients": ""})
        database = PeopleDatabase(home.folder)
        yield Place(Desk(load(), home, Pool(), ["prod"]), catcher, Approvals(database), Audit(database))


def text(result: CallToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


def test_the_tools_are_the_manifests_actions(place: Place) -> None:
    tools = place.tools()
    assert {"send_email", "send_htmlemail", "preview_email", "list_runs", "show_run"} <= tools.keys()
    assert "send_rawemail" not in tools
    for name in ("send_email", "send_htmlemail"):
        schema = tools[name].input_schema
        assert {"idempotency_key", "reason", "to"} <= set(schema["required"])
        assert not {"from", "headers", "envelope_sender", "asset"} & schema["properties"].keys()
        assert tools[name].annotations.read_only_hint is False
    for name in ("preview_email", "list_runs", "show_run"):
        assert tools[name].annotations.read_only_hint is True


def test_without_an_asset_of_its_own_each_tool_asks_for_one(place: Place) -> None:
    place.desk = Desk(load(), Home(), Pool(), [])
    schema = place.tools()["send_email"].input_schema
    assert "asset" in schema["required"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_person_who_agrees_in_the_agents_program_lets_it_send_once(place: Place, mode: str) -> None:
    result = place.call("send_email", MAIL, agree=True, mode=mode)
    assert not result.is_error, text(result)
    assert "Email sent" in text(result)
    (question,) = place.questions
    assert "jane@example.com" in question
    assert "The user asked for it" in question
    again = place.call("send_email", MAIL, agree=True, mode=mode)
    assert (again.is_error, "Email sent" in text(again), place.questions) == (False, True, [])
    assert len(place.catcher.messages) == 1
    (line,) = [line for line in place.audit.list() if "for an agent" in line.what]
    assert (line.detail["reason"], line.detail["key"]) == ("The user asked for it", "one")
    assert re.fullmatch(r"[0-9a-f]{64}", line.detail["sha256"])


def test_what_an_agent_writes_adds_no_lines_to_what_a_person_is_asked(place: Place) -> None:
    reason = "It is due\n\nFrom: boss@example.com\r\nTo: nobody@example.com\u2028Subject: Another"
    place.call("send_email", {**MAIL, "reason": reason, "body": "x" * 2500}, agree=False)
    (question,) = place.questions
    assert [line for line in question.splitlines() if line.startswith(("From:", "To:", "Subject:"))] == [
        "From: soc@example.org",
        "To: jane@example.com",
        "Subject: From an agent",
    ]
    assert question.endswith("xx … (500 more characters)")


def test_a_person_is_asked_about_what_readers_of_the_html_see(place: Place) -> None:
    html = {**MAIL, "html_body": "<h1>Pay at once</h1>", "text_body": "A harmless greeting"}
    del html["body"]
    place.call("send_htmlemail", html, agree=False)
    (question,) = place.questions
    assert question.index("Pay at once") < question.index("Without its HTML") < question.index("A harmless")
    del html["text_body"]
    place.call("send_htmlemail", {**html, "idempotency_key": "two"}, agree=False)
    (question,) = place.questions
    assert (question.count("Pay at once"), "Without its HTML" in question) == (1, False)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_person_who_does_not_agree_has_the_last_word(place: Place, mode: str) -> None:
    result = place.call("send_email", MAIL, agree=False, mode=mode)
    assert result.is_error
    assert "did not agree" in text(result)
    assert place.catcher.messages == ()


def test_where_no_person_can_be_asked_the_console_gets_a_code_that_works_once(place: Place) -> None:
    waiting = place.call("send_email", MAIL)
    assert waiting.is_error
    code = waiting.structured_content["approval_code"]
    assert code in text(waiting)
    assert waiting.structured_content["preview"]["recipients"] == ["jane@example.com"]
    assert place.catcher.messages == ()
    assert place.approvals.approve(code)
    assert not place.approvals.approve(code)
    sent = place.call("send_email", MAIL)
    assert not sent.is_error
    assert "Email sent" in text(place.call("send_email", MAIL))
    assert len(place.catcher.messages) == 1


def test_what_was_agreed_to_is_that_mail_and_no_other(place: Place) -> None:
    code = place.call("send_email", MAIL).structured_content["approval_code"]
    place.approvals.approve(code)
    other = place.call("send_email", {**MAIL, "body": "Something else"})
    assert other.is_error
    assert "another mail has this key" in text(other)
    assert place.catcher.messages == ()


def test_an_agent_can_answer_for_no_person(place: Place) -> None:
    async def use(client: Client) -> Any:
        return await client.session.call_tool(
            "send_email",
            MAIL,
            input_responses={"agree": ElicitResult(action="accept", content={"agree": True})},
        )

    result = place.used(use)
    assert result.structured_content["state"] == "waiting"
    assert place.catcher.messages == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from": "ceo@example.com"}, "not for agents"),
        ({"headers": '{"From": "ceo@example.com"}'}, "not for agents"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"reason": " "}, "reason"),
        ({"to": "jane@elsewhere.example"}, "jane@elsewhere.example"),
        ({"to": "nobody"}, "nobody"),
        ({"subjct": "x"}, "did you mean subject?"),
    ],
)
def test_what_an_agent_may_not_ask_is_refused_before_anybody_is_asked(
    place: Place, changes: dict[str, str], said: str
) -> None:
    result = place.call("send_email", {**MAIL, **changes}, agree=True)
    assert result.is_error
    assert said in text(result)
    assert place.questions == []
    assert place.catcher.messages == ()


def test_a_run_that_holds_half_a_character_is_shown_like_any_other(place: Place) -> None:
    manifest, home = load(), Home()
    mail = {"to": "jane@example.com", "subject": "half \ud800", "body": "x"}
    asset = stored_asset("prod", home)
    request = make_request(manifest.action("send email"), asset, [mail], "", manifest)
    LocalRun(request, home, Unwatched(), Pool()).perform()
    shown = place.call("show_run", {"run": 1})
    assert not shown.is_error, text(shown)
    assert shown.structured_content["result"]["result_data"][0]["parameter"]["subject"] == "half ?"


def test_an_asset_that_says_nothing_of_agents_sends_nothing_for_them(place: Place) -> None:
    place.desk = Desk(load(), Home(), Pool(), ["open"])
    result = place.call("send_email", MAIL, agree=True)
    assert result.is_error
    assert "allowed_recipients" in text(result)
    assert place.catcher.messages == ()


def test_a_preview_needs_nobody_and_sends_nothing(place: Place) -> None:
    result = place.call("preview_email", {"to": "jane@example.com", "subject": "Look", "body": "Hello"})
    assert not result.is_error, text(result)
    assert result.structured_content["subject"] == "Look"
    assert place.catcher.messages == ()


def test_runs_can_be_looked_at(place: Place) -> None:
    place.call("send_email", MAIL, agree=True)
    assert [run["action"] for run in place.call("list_runs", {}).structured_content["runs"]] == ["send email"]
    shown = place.call("show_run", {"run": 1}).structured_content
    assert shown["result"]["result_data"][0]["data"][0]["outcome"] == "sent"
    assert place.call("show_run", {"run": 99}).is_error
    assert place.call("nothing", {}).is_error
