"""Pages of runs with more mails than a page holds, and what a person decides about those that are unknown."""

from __future__ import annotations

import re
from contextlib import closing

from starlette.testclient import TestClient

from host.local import database
from host.local.sql import transaction
from tests.doors.console.conftest import Desk
from tests.durable.working import submit

MAILS = 1203


def submitted(desk: Desk, *unknown: int) -> None:
    """A durable run of `MAILS` mails that have not been sent, of which these are unknown."""
    rows = [{"to": f"r{number}@example.com", "body": "x"} for number in range(1, MAILS + 1)]
    submit(desk.console.home, rows, asset="catcher")
    with closing(database.connect(desk.console.home.folder)) as connection, transaction(connection):
        for position in unknown:
            connection.execute("UPDATE mail SET state = 'unknown' WHERE position = ?", (position,))
            connection.execute("DELETE FROM due WHERE position = ?", (position,))


def test_an_unknown_mail_far_back_in_a_run_can_be_decided_about(desk: Desk, browser: TestClient) -> None:
    submitted(desk, 1, 1203)
    page = browser.get("/runs/unknown").text
    assert "r1@example.com" in page
    assert "r1203@example.com" in page
    answer = browser.post("/runs/1/resolve", data={"position": "1203", "as": "sent"})
    assert "r1203@example.com" not in answer.text
    assert "r1@example.com" in answer.text


def test_a_durable_mail_that_was_not_sent_is_left_to_the_worker_and_to_nobody_else(
    desk: Desk, browser: TestClient
) -> None:
    submitted(desk, 2)
    answer = browser.post("/runs/1/resolve", data={"position": "2", "as": "send-again"})
    assert str(answer.url).endswith("/runs/1?said=sent-again")
    assert "waits to be sent again" in answer.text
    assert desk.console.home.runs.mail(1, 2).entry.state == "waiting"


def test_every_mail_of_a_run_is_on_one_of_its_pages(desk: Desk, browser: TestClient) -> None:
    submitted(desk)
    browser.post("/runs/1/cancel")
    seen: list[int] = []
    path = "/runs/1"
    while path:
        page = browser.get(path).text
        seen += map(int, re.findall(r"<h2>Mail (\d+)</h2>", page))
        following = re.search(r'href="(/runs/1\?after=\d+)">Mails after', page)
        path = following[1] if following else ""
    assert seen == list(range(1, MAILS + 1))
    assert "Mails before" in page


def test_a_mail_far_back_in_a_run_can_be_sent_again(desk: Desk, browser: TestClient) -> None:
    submitted(desk)
    assert 'value="r1203@example.com"' in browser.get("/run?from=1&position=1203").text
    assert browser.get("/run?from=1&position=1204").status_code == 404
