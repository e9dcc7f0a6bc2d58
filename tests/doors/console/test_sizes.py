"""More than one page or one request holds: very many runs, and bodies that are too large."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.console import api, app
from doors.console.app import make_app
from doors.console.console import Console
from host.local import database
from host.local.people.roles import Role
from host.local.sql import transaction
from tests.doors.console.conftest import BASE, PASSWORD, Desk

RUNS = 12_000
COPY_RUNS = """
    INSERT INTO run (id, action, asset, asset_id, container_id, holder, state, status, message, start_time, end_time,
                     kept_since)
    WITH RECURSIVE n (id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < ?)
    SELECT n.id, action, CASE n.id WHEN 3 THEN 'rare' ELSE asset END, asset_id, n.id, holder, state,
           CASE n.id % 1000 WHEN 0 THEN 'failed' ELSE status END, message, start_time, end_time, kept_since
    FROM n, run WHERE run.id = 1
"""
COPY_MAILS = """
    INSERT INTO mail (run_id, position, state, attempts, asked, result, message_id, committed_at, finished_at)
    SELECT run.id, position, mail.state, attempts, asked, result, message_id, committed_at, finished_at
    FROM run, mail WHERE mail.run_id = 1 AND run.id > 1
"""


@pytest.fixture
def many(desk: Desk, browser: TestClient) -> TestClient:
    """A browser at a console with `RUNS` runs: copies of one, over one of another asset and a dozen that failed."""
    desk.run(browser, to="jane@example.com", subject="x", body="x")
    with closing(database.connect(desk.console.home.folder)) as connection, transaction(connection):
        connection.execute(COPY_RUNS, (RUNS,))
        connection.execute(COPY_MAILS)
    return browser


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<a href="/runs/\d+">(\d+)</a>', page)]


def test_the_history_and_lists_of_very_many_runs(desk: Desk, many: TestClient) -> None:
    newest = many.get("/runs").text
    assert numbers(newest) == list(range(RUNS, RUNS - 100, -1))
    (older,) = re.findall(r'href="(/runs\?[^"]+)">Older runs', newest)
    assert numbers(many.get(older.replace("&amp;", "&")).text)[0] == RUNS - 100
    assert numbers(many.get("/runs?asset=rare").text) == [3]
    assert numbers(many.get("/runs?state=failed").text) == list(range(RUNS, 0, -1000))
    assert numbers(many.get("/runs?before=3").text) == [2, 1]

    program = desk.open_browser()
    program.headers["ph-auth-token"] = desk.console.tokens.make("test", Role.VIEWER)

    def listed(path: str) -> tuple[int, int, list[int]]:
        answer = program.get(f"/rest/{path}").json()
        assert all(one["message"] == "Email sent" for one in answer["data"])
        return answer["count"], answer["num_pages"], [one["id"] for one in answer["data"]]

    assert listed("action_run?page_size=3") == (RUNS, RUNS // 3, [RUNS, RUNS - 1, RUNS - 2])
    assert listed(f"action_run?page_size=3&page={RUNS // 3 - 1}") == (RUNS, RUNS // 3, [3, 2, 1])
    assert listed(f"app_run?page_size=3&page={RUNS // 3}") == (RUNS, RUNS // 3, [])
    assert listed("app_run?sort=id&page_size=2") == (RUNS, RUNS // 2, [1, 2])
    assert listed('action_run?_filter_container="3"') == (1, 1, [3])
    assert listed("app_run?_filter_status='failed'&sort=id&page_size=2") == (12, 6, [1000, 2000])
    assert listed("app_run?_filter_message__contains='sent'&page_size=1") == (RUNS, RUNS, [RUNS])


@pytest.fixture
def small(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser at a console that takes bodies of a MiB, and of half a MiB from programs."""
    monkeypatch.setattr(app, "LARGEST_REQUEST", 1 << 20)
    monkeypatch.setattr(api, "LARGEST_BODY", 1 << 19)
    desk.console.users.add("jane", PASSWORD, Role.ADMINISTRATOR)
    console = Console(desk.console.manifest, desk.console.home, Pool(), desk.console.address, desk.catcher)
    with TestClient(make_app(console), base_url=BASE) as browser:
        browser.post("/sign-in", data={"name": "jane", "password": PASSWORD})
        browser.headers["ph-auth-token"] = console.tokens.make("test", Role.ADMINISTRATOR)
        yield browser


def pieces(octets: int) -> Iterator[bytes]:
    for _ in range(octets >> 16):
        yield b"x" * (1 << 16)


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_refused_on_a_page(small: TestClient, is_announced: bool) -> None:
    octets = b"".join(pieces(3 << 20))
    if is_announced:
        answer = small.post("/vault", files={"file": ("large.bin", octets)})
    else:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = small.post("/vault", content=pieces(3 << 20), headers=headers)
    assert answer.status_code == 413
    assert "That did not work" in answer.text
    assert "A request may have 1 MiB; this one has more." in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("size", [3 << 18, 3 << 20])
@pytest.mark.parametrize("path", ["/rest/container_attachment", "/rest/action_run", "/rest/preview"])
def test_a_body_that_is_too_large_is_refused_as_programs_know_it(
    small: TestClient, path: str, size: int
) -> None:
    answer = small.post(path, content=pieces(size))
    assert answer.status_code == 413
    assert answer.json()["failed"] is True
    assert "MiB; this one has more." in answer.json()["message"]


def test_a_refusal_before_anything_is_read_has_the_form_of_its_address(desk: Desk) -> None:
    answer = desk.open_browser().post("/rest/preview", json={}, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["failed"]) == (403, True)


def test_a_mistake_of_ours_has_the_headers_of_every_answer(
    desk: Desk, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.console.home.runs, "list", lambda *_args, **_more: 1 / 0)
    answer = browser.get("/runs")
    assert answer.status_code == 500
    assert "This is a mistake in the console" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
