"""Who may ask at all: hosts, origins, sessions, roles; and what every answer carries."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.console.app import PAGES, make_app
from doors.console.console import Address, Console
from doors.console.guard import MAIL_POLICY
from doors.console.limiter import MOST_FOR_A_NAME, MOST_FOR_A_PLACE
from host.local.people.roles import Role
from tests.doors.console.conftest import ADDRESS, PASSWORD, Desk

OPEN = {
    "/static/{name}", "/favicon.ico", "/sign-in", "/sign-in/link/{code}", "/sign-out",
    "/sign-in/openid", "/sign-in/openid/callback", "/oauth/callback",
}  # fmt: skip


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:9", "127.0.0.1.nip.io:8025", ""])
def test_a_foreign_name_that_leads_here_is_refused(desk: Desk, host: str) -> None:
    answer = desk.open_browser().get("/sign-in", headers={"Host": host})
    assert answer.status_code == 403
    assert "not an address of this console" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8025"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8026"},
        {"Origin": "null"},
    ],
)
def test_another_site_can_press_no_button(desk: Desk, browser: TestClient, headers: dict[str, str]) -> None:
    data = {"action": "send email", "asset": "catcher", "do": "send", "to": "a@example.com", "body": "x"}
    answer = browser.post("/run", data=data, headers=headers)
    assert answer.status_code == 403
    assert desk.catcher.mailbox.list() == ()


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "http://localhost:8025"}],
)
def test_our_own_pages_can(desk: Desk, browser: TestClient, headers: dict[str, str]) -> None:
    assert browser.post("/sign-out", headers=headers).status_code == 200


def addresses() -> list[tuple[str, str, Role | None]]:
    """Every page that is not open to everybody, at an address that it could have."""
    found = []
    for method, path, _handler, role in PAGES:
        if path not in OPEN:
            for name, value in (("{id}", "1"), ("{part}", "1"), ("{vault_id}", "0"), ("{name}", "x")):
                path = path.replace(name, value)
            found.append((method, path, role))
    return found


def test_nobody_gets_a_page_without_signing_in(desk: Desk) -> None:
    browser = desk.open_browser()
    for method, path, role in addresses():
        answer = browser.request(method, path, follow_redirects=False)
        assert role is not None, path
        if method == "GET":
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in"), path
        else:
            assert answer.status_code == 401, path


def test_a_viewer_changes_nothing(desk: Desk) -> None:
    browser = desk.signed_in(Role.VIEWER)
    for method, path, role in addresses():
        assert method == "GET" or role is not Role.VIEWER, path
        assert (browser.request(method, path).status_code == 403) == (role is not Role.VIEWER), path


def test_a_sender_changes_neither_assets_nor_people(desk: Desk) -> None:
    browser = desk.signed_in(Role.SENDER)
    for method, path, role in addresses():
        forbidden = browser.request(method, path).status_code == 403
        assert forbidden == (role is Role.ADMINISTRATOR), path


def test_every_page_has_its_policy(desk: Desk, browser: TestClient) -> None:
    desk.run(browser, to="jane@example.com", body="<!DOCTYPE html><p>x</p>")
    for path in ("/", "/assets", "/run", "/runs", "/vault", "/inbox", "/settings", "/sign-in", "/nowhere"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert browser.get("/inbox/1/html").headers["content-security-policy"] == MAIL_POLICY


def test_no_page_has_script_or_style_inside_of_it(desk: Desk, browser: TestClient) -> None:
    desk.run(browser, to="jane@example.com", body="x")
    for path in (
        "/",
        "/assets",
        "/assets/1",
        "/run",
        "/runs",
        "/runs/1",
        "/vault",
        "/inbox",
        "/inbox/1",
        "/settings",
    ):
        text = browser.get(path).text
        assert text.count("<script") == 1, path
        assert "<style" not in text, path
        assert " style=" not in text, path
        assert " onclick=" not in text, path


def test_the_cookie_is_one_that_no_script_and_no_other_site_gets(desk: Desk) -> None:
    desk.console.users.add("jane", PASSWORD, Role.VIEWER)
    answer = desk.open_browser().post(
        "/sign-in", data={"name": "jane", "password": PASSWORD}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("session-8025=")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert ADDRESS.is_secure is False


def test_sign_ins_are_limited(desk: Desk) -> None:
    desk.console.users.add("jane", PASSWORD, Role.VIEWER)
    browser = desk.open_browser()
    answers = [browser.post("/sign-in", data={"name": "Jane", "password": "wrong"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert "no user of that name with that password" in answers[0].text
    assert browser.post("/sign-in", data={"name": "jane", "password": PASSWORD}).status_code == 429


def test_an_unknown_name_is_answered_like_a_wrong_password(desk: Desk) -> None:
    desk.console.users.add("jane", PASSWORD, Role.VIEWER)
    browser = desk.open_browser()
    known = browser.post("/sign-in", data={"name": "jane", "password": "wrong"})
    unknown = browser.post("/sign-in", data={"name": "john", "password": "wrong"})
    assert (known.status_code, known.text.replace("jane", "john")) == (unknown.status_code, unknown.text)


def test_signing_out_ends_the_session_for_whoever_copied_it(desk: Desk) -> None:
    browser = desk.signed_in()
    copy = desk.open_browser()
    copy.cookies.update(browser.cookies)
    assert copy.get("/assets", follow_redirects=False).status_code == 200
    browser.post("/sign-out")
    assert copy.get("/assets", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_signing_in_leads_nowhere_else(desk: Desk, to: str) -> None:
    desk.console.users.add("jane", PASSWORD, Role.VIEWER)
    answer = desk.open_browser().post(
        "/sign-in", data={"name": "jane", "password": PASSWORD, "to": to}, follow_redirects=False
    )
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/runs/1/resolve", {"as": "sent", "position": "²"}),
        ("/inbox/chaos", {"fault": "", "step": "recipient", "percent": "²"}),
        ("/inbox/chaos", {"fault": "", "step": "recipient", "percent": "0050000"}),
    ],
)
def test_what_looks_like_a_number_and_is_none_is_refused(
    desk: Desk, path: str, fields: dict[str, str]
) -> None:
    assert desk.signed_in().post(path, data=fields).status_code == 404


@pytest.mark.parametrize("forwarded", ["", "203.0.113.9", "192.0.2.1, 203.0.113.9"])
def test_who_guesses_behind_a_proxy_locks_nobody_else_out(desk: Desk, forwarded: str) -> None:
    address = Address("https://mail.example.com", frozenset({"mail.example.com"}), is_behind_proxy=True)
    console = Console(desk.console.manifest, desk.console.home, Pool(), address)
    console.users.add("jane", PASSWORD, Role.VIEWER)
    console.limiter.failed("somebody", "203.0.113.9")
    for guess in range(MOST_FOR_A_PLACE):
        console.limiter.failed(f"guess {guess}", "203.0.113.9")
    with TestClient(make_app(console), base_url=address.url, follow_redirects=False) as browser:
        data = {"name": "jane", "password": PASSWORD}
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert browser.post("/sign-in", data=data, headers=headers).status_code == (429 if forwarded else 303)
        other = {"X-Forwarded-For": f"{forwarded}, 198.51.100.7"}
        assert browser.post("/sign-in", data=data, headers=other).status_code == 303


def test_guesses_are_counted_for_a_name_of_any_length_of_which_only_the_beginning_is_kept(desk: Desk) -> None:
    limiter = desk.console.limiter
    for _ in range(MOST_FOR_A_NAME):
        assert limiter.wait("x" * 1_000_000, "") == 0
        limiter.failed("x" * 1_000_000, "")
    assert limiter.wait("X" * 1_000_000, "") > 0
    assert limiter.wait("x" * 100 + "another end", "") > 0
    assert limiter.wait("another", "") == 0
