"""Hints lead to the page that explains more, inside the console."""

from __future__ import annotations

import re

from starlette.testclient import TestClient

from host.local.pages import pages
from tests.doors.console.conftest import Desk
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step


def test_a_refused_login_leads_to_the_page_about_its_code(desk: Desk, browser: TestClient) -> None:
    said = (
        b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.\r\n"
    )
    fault = Fault(Step.AUTH, Kind.PERMANENT, reply=said)
    with ScriptedServer(Settings(auth=("PLAIN",), fault=fault)) as server:
        desk.add_asset(
            "off", port=server.port, username="a@b.example", password="x", allow_plaintext_auth=True
        )
        shown = desk.run(browser, asset="off", to="jane@example.com", subject="x", body="x")
    links = re.findall(r'<a href="(/explained/[^"]+)">535-5\.7\.139</a>', shown)
    assert links
    page = browser.get(links[0])
    assert page.status_code == 200
    assert "<h1>535 5.7.139: authentication unsuccessful (Microsoft 365)</h1>" in page.text
    assert "Set-CASMailbox" in page.text


def test_every_page_and_every_link_in_one_is_there(browser: TestClient) -> None:
    for page in pages():
        answer = browser.get(f"/explained/{page.name}")
        assert answer.status_code == 200, page.name
        links = re.findall(r'href="(/explained/[^"#]+)', answer.text)
        assert [link for link in links if browser.head(link).status_code not in (200, 405)] == []
        assert "](" not in answer.text, "a link was left as Markdown"


def test_what_no_page_is_about_is_not_there(browser: TestClient) -> None:
    for name in ("999", "README", "..%2f..%2fREADME", "<script>"):
        answer = browser.get(f"/explained/{name}")
        assert answer.status_code == 404
        assert "<script>" not in answer.text.split("</head>")[1]


def test_whoever_has_not_signed_in_is_sent_to_do_so(desk: Desk) -> None:
    answer = desk.open_browser().get("/explained/421", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?to=/explained/421")
