"""What a newcomer does first, without a script: sign in by the link, test, send, see it arrive."""

from __future__ import annotations

import html
import json
import re

import pytest
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.cli.command_line import main
from tests.doors.console.conftest import Desk


def test_the_link_signs_in_once(desk: Desk) -> None:
    link = f"/sign-in/link/{desk.console.link.code}"
    newcomer, stranger = desk.open_browser(), desk.open_browser()
    assert newcomer.get(link).status_code == 200
    assert "Overview" in newcomer.get("/").text
    refused = stranger.get(link)
    assert refused.status_code == 403
    assert "used already" in refused.text
    assert stranger.get("/", follow_redirects=False).headers["location"] == "/sign-in"


def test_a_wrong_link_does_not_use_up_the_right_one(desk: Desk) -> None:
    browser = desk.open_browser()
    assert browser.get("/sign-in/link/guessed").status_code == 403
    assert browser.get(f"/sign-in/link/{desk.console.link.code}").status_code == 200


def test_the_sample_asset_is_tested(desk: Desk, browser: TestClient) -> None:
    (asset,) = desk.console.home.assets.list()
    answer = browser.post(f"/assets/{asset.id}/test", follow_redirects=False)
    desk.wait_for(1)
    page = browser.get(answer.headers["location"]).text
    assert "Test connectivity passed." in page
    assert "8BITMIME" in page
    assert len(desk.catcher.mailbox.list()) == 1


def test_an_html_mail_with_an_attachment_arrives_in_the_inbox(desk: Desk, browser: TestClient) -> None:
    answer = browser.post(
        "/run",
        data={
            "action": "send htmlemail",
            "asset": "catcher",
            "do": "send",
            "to": "Jane Doe <jane@example.com>, bob@example.com",
            "subject": "Grüße",
            "html_body": "<h1>It works</h1>",
        },
        files={"file-attachment1": ("report März.txt", b"the report\n", "text/plain")},
        follow_redirects=False,
    )
    desk.wait_for(1)
    page = browser.get(answer.headers["location"]).text
    assert "Email sent" in page
    assert page.count("state-accepted") == 2
    inbox = browser.get("/inbox").text
    assert "Grüße" in inbox
    assert "jane@example.com, bob@example.com" in inbox
    mail = browser.get("/inbox/1").text
    assert "report März.txt" in mail
    (part,) = re.findall(r'href="(/inbox/1/parts/\d+)"', mail)
    file = browser.get(part)
    assert file.content == b"the report\n"
    assert file.headers["content-disposition"].startswith("attachment;")
    assert "<h1>It works</h1>" in browser.get("/inbox/1/html").text
    assert "It works" in html.unescape(mail)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_sent(desk: Desk, browser: TestClient) -> None:
    wrong = {"action": "send email", "asset": "catcher", "do": "send", "to": "nobody", "body": "x"}
    answer = browser.post("/run", data={**wrong, "headers": '{"X-A": }'})
    assert answer.status_code == 400
    assert "line 1, column 9" in answer.text
    answer = browser.post("/run", data=wrong)
    assert answer.status_code == 400
    assert 'id="error-to"' in answer.text
    assert "nobody" in answer.text
    assert desk.catcher.mailbox.list() == ()
    assert desk.console.home.runs.list() == ()


def test_the_preview_is_the_message_and_sends_nothing(desk: Desk, browser: TestClient) -> None:
    given = {
        "action": "send htmlemail",
        "asset": "catcher",
        "do": "preview",
        "to": "jane@example.com",
        "bcc": "unseen@example.com",
        "subject": "To be looked at",
        "html_body": "<p>Hello</p><script>alert(1)</script>",
    }
    page = browser.post("/run", data=given)
    assert page.status_code == 200
    assert "jane@example.com, unseen@example.com" in page.text
    (frame,) = re.findall(r'src="(/previews/[^"]+)"', page.text)
    shown = browser.get(frame)
    assert "<p>Hello</p>" in shown.text
    assert "script" not in shown.text
    assert 'value="To be looked at"' in page.text  # the form is still filled in
    assert desk.catcher.mailbox.list() == ()
    assert desk.console.home.runs.list() == ()


@pytest.mark.parametrize("mails", [1, 2])
def test_a_run_that_only_showed_mails_has_its_page(desk: Desk, browser: TestClient, mails: int) -> None:
    """Of these the result says to whom they would have gone, and nothing of what became of them."""
    each = [{"to": "jane@example.com", "subject": "Shown", "body": "x"}] * mails
    assert main(["run", "preview email", "--asset", "catcher", "--params", json.dumps(each)], Pool()) == 0
    page = browser.get("/runs/1")
    assert page.status_code == 200
    assert "would be sent" in page.text
    assert page.text.count("Subject: Shown") == mails
    again = browser.get("/run?from=1&position=1&only=open")
    assert (again.status_code, 'value="Shown"' in again.text) == (200, True)


def test_the_form_runs_what_sends_no_mail_too(desk: Desk, browser: TestClient) -> None:
    assert "Test connectivity passed." in desk.run(browser, "test connectivity")
    page = desk.run(browser, "preview email", to="jane@example.com", subject="Shown", body="x")
    assert "Subject: Shown" in page
    assert len(desk.catcher.mailbox.list()) == 1  # the test mail


def test_run_again_opens_the_filled_form(desk: Desk, browser: TestClient) -> None:
    desk.run(browser, to="jane@example.com", subject="Once more", body="Hello")
    form = browser.get("/run?from=1&position=1").text
    assert 'value="Once more"' in form
    assert ">\nHello</textarea>" in form


def test_a_mail_that_spells_half_a_character_is_shown_like_any_other(desk: Desk, browser: TestClient) -> None:
    """Some charsets can (RFC 2152), and no page can hold one."""
    half = b"+2AA-"
    mail = (
        b"From: a@example.com\r\nSubject: =?utf-7?Q?%s?= =?unicode_escape?Q?=5Cud800?= shown\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-7\r\n\r\ntext %s\r\n"
        b"--b\r\nContent-Type: text/html; charset=utf-7\r\n\r\n<p>html %s</p>\r\n"
        b"--b\r\nContent-Disposition: attachment; filename*=utf-7''%s.txt\r\n\r\nx\r\n--b--\r\n"
    ) % (half, half, half, half)
    desk.catcher.mailbox.keep("a@example.com", ("b@example.com",), mail)
    for path, shown in (("/inbox", "shown"), ("/inbox/1", "text �"), ("/inbox/1/html", "<p>html �</p>")):
        answer = browser.get(path)
        assert (answer.status_code, shown in answer.text) == (200, True)
    (part,) = re.findall(r'href="(/inbox/1/parts/\d+)"', browser.get("/inbox/1").text)
    assert browser.get(part).status_code == 200
