"""The HTTP API as a client of Splunk SOAR knows it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from host.local.people.roles import Role
from host.local.worker import Worker
from tests.doors.console.conftest import Desk

MAIL = {"to": "jane@example.com", "subject": "From a program", "body": "Hello"}


@pytest.fixture
def api(desk: Desk) -> TestClient:
    """A program with a token, at a console with the sample asset."""
    desk.add_asset()
    return client(desk, Role.ADMINISTRATOR)


def client(desk: Desk, role: Role) -> TestClient:
    program = desk.open_browser()
    program.headers["ph-auth-token"] = desk.console.tokens.make("test", role)
    return program


def asked(parameters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    target = {"app_id": 1, "assets": ["catcher"], "parameters": parameters}
    return {"action": "send email", "container_id": 7, "name": "a run", "targets": [target], **more}


def test_a_run_is_begun_watched_and_looked_up(desk: Desk, api: TestClient) -> None:
    begun = api.post("/rest/action_run", json=asked([MAIL, {**MAIL, "to": "bob@example.com"}])).json()
    assert begun == {"action_run_id": 1, "success": True}
    desk.wait_for(1)
    run = api.get("/rest/action_run/1").json()
    assert (run["id"], run["status"], run["action"], run["name"], run["container"]) == (
        1,
        "success",
        "send email",
        "a run",
        "7",
    )
    brief = api.get("/rest/action_run/1/app_runs").json()
    assert (brief["count"], brief["num_pages"]) == (1, 1)
    assert "result_data" not in brief["data"][0]
    whole = api.get("/rest/action_run/1/app_runs?include_expensive=true").json()["data"][0]
    assert [one["status"] for one in whole["result_data"]] == ["success", "success"]
    assert whole["result_summary"] == {"total_objects": 2, "total_objects_successful": 2}
    assert whole["asset"] == "catcher"
    assert {mail.recipients for mail in desk.catcher.mailbox.list()} == {
        ("jane@example.com",),
        ("bob@example.com",),
    }


def test_one_action_run_over_several_assets(desk: Desk, api: TestClient) -> None:
    second = int(desk.add_asset("second", sender_address="second@example.org"))
    targets = [{"assets": ["catcher", second], "parameters": [MAIL]}]
    begun = api.post("/rest/action_run", json={"action": "send_email", "targets": targets}).json()
    desk.wait_for(1)
    desk.wait_for(2)
    assert begun["action_run_id"] == 1
    assert api.get("/rest/action_run/1").json()["assets"] == ["catcher", "second"]
    runs = api.get("/rest/action_run/1/app_runs").json()["data"]
    assert [(run["id"], run["action_run"], run["asset"]) for run in runs] == [
        (1, 1, "catcher"),
        (2, 1, "second"),
    ]
    assert [run["id"] for run in api.get("/rest/action_run").json()["data"]] == [1]


def test_a_run_that_fails_says_so_in_its_result(desk: Desk, api: TestClient) -> None:
    api.post("/rest/action_run", json=asked([{**MAIL, "to": "nobody"}]))
    desk.wait_for(1)
    run = api.get("/rest/action_run/1").json()
    assert run["status"] == "failed"
    assert "nobody" in run["message"]


def test_json_lines_are_parameter_sets(desk: Desk, api: TestClient) -> None:
    lines = "\n".join(json.dumps({**MAIL, "to": f"r{number}@example.com"}) for number in range(3))
    begun = api.post(
        "/rest/action_run?action=send+email&asset=catcher",
        content=lines,
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert begun.status_code == 200, begun.text
    desk.wait_for(1)
    assert len(desk.catcher.mailbox.list()) == 3
    wrong = api.post(
        "/rest/action_run?action=send+email&asset=catcher",
        content=f'{json.dumps(MAIL)}\n{{"to": }}\n',
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert wrong.status_code == 400
    assert "Line 2, line 1, column 8" in wrong.json()["message"]


def test_events_are_told_to_their_end(desk: Desk, api: TestClient) -> None:
    api.post("/rest/action_run", json=asked([MAIL]))
    with api.stream("GET", "/rest/action_run/1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    assert "event: progress" in text
    assert text.rstrip().split("\n\n")[-1].splitlines()[1] == "event: ended"
    assert '"text": "Email sent"' in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "not JSON"),
        ("[]", "has to be a JSON object"),
        ({"action": "send email"}, "targets"),
        ({"action": "send emial", "targets": [{"assets": ["catcher"]}]}, "Did you mean 'send email'?"),
        (asked([]), "empty"),
        (asked([{**MAIL, "subjct": "x"}]), "did you mean subject?"),
        (asked([{"subject": "x"}]), "to: missing"),
        (asked([MAIL], container_id="../x"), "container's id"),
        ({"action": "send email", "targets": [{"assets": ["nowhere"], "parameters": [MAIL]}]}, "no asset"),
        ({"action": "send email", "targets": [{"assets": [99], "parameters": [MAIL]}]}, "no asset"),
        ({"action": "send email", "targets": [{"assets": [None], "parameters": [MAIL]}]}, "id or its name"),
    ],
)
def test_a_request_that_is_not_right_begins_nothing(
    desk: Desk, api: TestClient, body: Any, said: str
) -> None:
    answer = api.post("/rest/action_run", content=body if isinstance(body, str) else json.dumps(body))
    assert answer.status_code == 400
    assert answer.json()["failed"] is True
    assert said in answer.json()["message"]
    assert desk.console.home.runs.list() == ()


@pytest.mark.parametrize("token", ["", "guessed"])
def test_without_a_token_nothing_is_told(desk: Desk, token: str) -> None:
    program = desk.open_browser()
    for path in ("/rest/asset", "/rest/action_run/1", "/rest/action_run/1/events", "/rest/version"):
        answer = program.get(path, headers={"ph-auth-token": token})
        assert (answer.status_code, answer.json()["failed"]) == (401, True)


def test_a_session_of_a_browser_is_no_token(browser: TestClient) -> None:
    assert browser.get("/rest/asset").status_code == 401


def test_a_token_ends_with_its_days_and_its_role(desk: Desk, api: TestClient) -> None:
    viewer = client(desk, Role.VIEWER)
    assert viewer.get("/rest/asset").status_code == 200
    assert viewer.post("/rest/action_run", json=asked([MAIL])).status_code == 403
    assert client(desk, Role.SENDER).post("/rest/asset", json={}).status_code == 403
    expired = desk.console.tokens.make("short", Role.VIEWER, 1e-9)
    assert api.get("/rest/asset", headers={"ph-auth-token": expired}).status_code == 401
    bearer = desk.open_browser()
    text = desk.console.tokens.make("bearer", Role.VIEWER)
    assert bearer.get("/rest/version", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_assets_are_added_changed_and_never_tell_their_secrets(desk: Desk, api: TestClient) -> None:
    config = {"server": "mail.example.com", "username": "soc@example.com", "password": "canary-secret"}
    added = api.post("/rest/asset", json={"name": "prod / x", "configuration": config})
    assert (added.status_code, "can't be an asset's name" in added.json()["message"]) == (400, True)
    number = api.post("/rest/asset", json={"name": "prod", "configuration": config}).json()["id"]
    changed = api.post(f"/rest/asset/{number}", json={"configuration": {"port": 2525, "username": None}})
    assert changed.json() == {"success": True, "id": number}
    assert desk.console.home.assets.get("prod").config == {
        "server": "mail.example.com",
        "password": "canary-secret",
        "port": 2525,
    }
    shown = api.get(f"/rest/asset/{number}")
    assert shown.json()["configuration"] == {"server": "mail.example.com", "port": 2525}
    assert "canary-secret" not in shown.text + api.get("/rest/asset").text
    wrong = api.post(
        "/rest/asset", json={"name": "x", "configuration": {**config, "passwrod": "canary-secret"}}
    )
    assert (wrong.status_code, "canary-secret" in wrong.text) == (400, False)
    assert api.delete(f"/rest/asset/{number}").json() == {"success": True}
    assert api.get(f"/rest/asset/{number}").status_code == 404


def test_files_go_into_the_vault(desk: Desk, api: TestClient) -> None:
    octets = b"a report\x00\xff"
    sha1 = hashlib.sha1(octets).hexdigest()
    body = {
        "container_id": 7,
        "file_name": "report.bin",
        "metadata": {},
        "file_content": base64.b64encode(octets).decode(),
    }
    added = api.post("/rest/container_attachment", json=body).json()
    assert (added["vault_id"], added["hash"], added["succeeded"]) == (sha1, sha1, True)
    assert desk.console.home.vault.find(sha1).path.read_bytes() == octets
    found = api.get("/rest/container_attachment", params={"_filter_vault_document__hash": f'"{sha1}"'}).json()
    assert [(one["name"], one["container"], one["id"]) for one in found["data"]] == [
        ("report.bin", "7", added["id"])
    ]
    none = api.get("/rest/container_attachment", params={"_filter_vault_document__hash": '"0"'}).json()
    assert none == {"count": 0, "num_pages": 0, "data": []}
    assert api.post("/rest/container_attachment", json={**body, "file_content": "§"}).status_code == 400


def test_a_list_is_filtered_sorted_and_given_a_page_at_a_time(desk: Desk, api: TestClient) -> None:
    for name in ("b", "a", "c"):
        desk.add_asset(name)

    def names(**query: Any) -> list[str]:
        return [one["name"] for one in api.get("/rest/asset", params=query).json()["data"]]

    assert names(sort="name", order="desc") == ["catcher", "c", "b", "a"]
    assert names(sort="id", page=1, page_size=2) == ["a", "c"]
    assert names(_filter_name='"a"') == ["a"]
    assert names(_filter_name__contains="'cat'") == ["catcher"]
    assert names(_filter_id__in="[1, 2]", sort="id") == ["catcher", "b"]
    page = api.get("/rest/asset", params={"page_size": 3}).json()
    assert (page["count"], page["num_pages"], len(page["data"])) == (4, 2, 3)
    for query in ({"page": "-1"}, {"sort": "password"}, {"_filter_x": "1"}, {"_filter_name__like": "1"}):
        assert api.get("/rest/asset", params=query).status_code == 400


def test_a_preview_is_what_preview_email_says_and_sends_nothing(desk: Desk, api: TestClient) -> None:
    given = {"action": "send email", "asset": "catcher", "parameters": MAIL}
    shown = api.post("/rest/preview", json=given).json()
    assert (shown["sender"], shown["recipients"], shown["subject"]) == (
        "you@example.org",
        ["jane@example.com"],
        "From a program",
    )
    assert shown["text"].strip() == "Hello"
    assert shown["eml"].startswith("From: you@example.org")
    wrong = api.post("/rest/preview", json={**given, "parameters": {**MAIL, "to": "nobody"}})
    assert (wrong.status_code, "nobody" in wrong.json()["message"]) == (400, True)
    assert desk.catcher.mailbox.list() == ()
    assert desk.console.home.runs.list() == ()


def test_a_run_of_the_api_has_its_line_in_the_audit(desk: Desk, api: TestClient) -> None:
    api.post("/rest/action_run", json=asked([MAIL]))
    (line,) = [line for line in desk.console.audit.list() if line.what == "run of send email"]
    assert (line.who, line.target) == ("token test", "run 1")
    assert line.detail["recipients"] == [{"to": "jane@example.com"}]


def test_an_address_that_is_not_there_is_json_too(api: TestClient) -> None:
    for path, status in (("/rest/nothing", 404), ("/rest/asset/99", 404), ("/rest/asset/x", 404)):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["failed"]) == (status, True)
    assert api.put("/rest/asset", json={}).status_code == 405
    assert api.put("/rest/asset", json={}).json()["failed"] is True


def test_a_durable_run_is_taken_down_and_sent_by_the_worker(desk: Desk, api: TestClient) -> None:
    begun = api.post("/rest/action_run", json=asked([MAIL, {**MAIL, "to": "bob@example.com"}], durable=True))
    assert begun.json() == {"action_run_id": 1, "success": True}
    assert api.get("/rest/action_run/1").json()["status"] == "running"
    assert desk.catcher.mailbox.list() == ()
    page = desk.signed_in()
    assert "0 of 2 done" in page.get("/runs/1").text
    assert "Resume" in page.post("/runs/1/pause").text
    assert api.get("/rest/action_run/1").json()["status"] == "pending"
    page.post("/runs/1/resume")
    runs = desk.console.home.runs
    Worker(desk.console.home, desk.console.pool, lambda _text: None).run(lambda: runs.state_of(1) == "ended")
    assert api.get("/rest/action_run/1").json()["status"] == "success"
    assert len(desk.catcher.mailbox.list()) == 2
    assert "2 of 2 done" in page.get("/runs/1").text
    wrong = api.post("/rest/action_run", json=asked([MAIL, {**MAIL, "to": "nobody"}], durable=True))
    assert (wrong.status_code, "set 2" in wrong.json()["message"]) == (400, True)


def test_of_several_durable_runs_those_that_were_taken_are_named_when_another_is_not(
    desk: Desk, api: TestClient
) -> None:
    desk.add_asset("narrow", allowed_recipients="*@example.org")
    wanted = asked([MAIL], durable=True)
    wanted["targets"][0]["assets"] = ["catcher", "narrow"]
    refused = api.post("/rest/action_run", json=wanted)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("narrow: parameters, set 1: ")
    assert "begun before it was run 1 over catcher" in refused.json()["message"]
    assert api.get("/rest/action_run/1").json()["status"] == "running"
    wanted["targets"][0]["assets"] = ["narrow", "catcher"]
    assert "begun" not in api.post("/rest/action_run", json=wanted).json()["message"]
    assert api.get("/rest/action_run").json()["count"] == 1


def test_a_durable_run_is_cancelled(desk: Desk, api: TestClient) -> None:
    api.post("/rest/action_run", json=asked([MAIL], durable=True))
    assert api.post("/rest/action_run/1", json={"cancel": True}).json() == {"success": True}
    assert api.get("/rest/action_run/1").json()["status"] == "failed"
    assert api.post("/rest/action_run/1", json={"cancel": True}).status_code == 404


@pytest.mark.parametrize("name", ["to", "subject", "body", "idempotency_key"])
def test_half_a_character_in_a_run_breaks_neither_its_answers_nor_any_page(
    desk: Desk, api: TestClient, name: str
) -> None:
    api.post("/rest/action_run", content=json.dumps(asked([{**MAIL, name: "\ud800@example.com"}])))
    desk.wait_for(1)
    answer = api.get("/rest/app_run/1")
    assert answer.status_code == 200
    assert json.loads(answer.content)["result_data"][0]["parameter"][name] == "\ud800@example.com"
    assert api.get("/rest/action_run/1/app_runs?include_expensive=true").status_code == 200
    page = desk.signed_in()
    for path in ("/runs/1", "/run?from=1&position=1", "/runs", "/settings"):
        assert page.get(path).status_code == 200
    assert "�@example.com" in page.get("/runs/1").text
