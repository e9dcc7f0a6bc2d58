"""The console in a real browser, as people walk through it: with a script and without, by keyboard, on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from host.local.catcher import CatchingServer
from host.local.home import Home
from tests.real.browser import browsing
from tests.real.connector import ROOT
from tests.real.consoles import RESULT_WITHIN, Served, serving, signed_in
from tests.real.processes import wait_until
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

AXE = ROOT / ".local" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
SAMPLE = "/run?action=send+htmlemail&asset=catcher&sample=1"
PASSWORD = "correct horse battery"
HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>'{{7*7}}${7*7}"
PAGES = (
    "/",
    "/assets",
    "/assets/1",
    "/assets/new?address=you@gmail.com",
    SAMPLE,
    "/run?action=send+rawemail&asset=catcher",
    "/runs",
    "/runs/1",
    "/runs/unknown",
    "/vault",
    "/approvals",
    "/inbox",
    "/inbox/1",
    "/settings",
    "/nowhere",
)


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    """As `make console` starts it."""
    with serving(home, "--catch") as console:
        yield console


def send_the_sample(page: Page, served: Served, **fields: str) -> None:
    served.open(page, SAMPLE)
    for name, value in fields.items():
        page.fill(f"#f-{name}", value)
    page.click("button[value=send]")
    page.wait_for_selector("#result", timeout=RESULT_WITHIN)


def test_a_newcomers_minute(served: Served) -> None:
    with signed_in(served) as page:
        page.click("text=Test connectivity")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "Test connectivity passed." in page.inner_text("#result")
        page.click("a.brand")
        page.click("text=Write a mail")
        frame = page.frame_locator(".preview iframe")
        frame.locator("h1").wait_for()
        assert frame.locator("h1").inner_text() == "It works"
        page.set_input_files(
            "input[name=file-attachment1]",
            {"name": "report.txt", "mimeType": "text/plain", "buffer": b"the report"},
        )
        page.wait_for_selector("#preview >> text=report.txt")
        page.click("button[value=send]")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert page.inner_text("#result") == "Email sent"
        page.click("nav >> text=Inbox")
        page.click("text=Hello from the console")
        assert "report.txt" in page.inner_text("main")
        with page.expect_download() as download:
            page.click("text=report.txt")
        assert download.value.path().read_bytes() == b"the report"


def test_the_same_without_a_script(served: Served) -> None:
    with signed_in(served, java_script_enabled=False) as page:
        page.click("text=Test connectivity")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)  # the page looks again by itself
        served.open(page, SAMPLE)
        page.click("button[value=preview]")
        assert page.frame_locator(".preview iframe").locator("h1").inner_text() == "It works"
        page.click("button[value=send]")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert page.inner_text("#result") == "Email sent"
        served.open(page, "/inbox")
        page.click("text=Hello from the console")
        assert page.frame_locator(".mail iframe").locator("h1").inner_text() == "It works"


def test_by_keyboard_alone(served: Served) -> None:
    with signed_in(served) as page:

        def tab_to(text: str) -> None:
            for _ in range(60):
                page.keyboard.press("Tab")
                focused = page.evaluate("(document.activeElement.innerText || '').trim()")
                if focused == text:
                    return
            pytest.fail(f"{text} can't be reached")

        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
        tab_to("Write a mail")
        page.keyboard.press("Enter")
        page.wait_for_selector("#f-to")
        page.focus("#f-subject")
        page.keyboard.press("End")
        page.keyboard.type(", by keyboard")
        tab_to("Send")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("Enter")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert page.inner_text("#result") == "Email sent"
        served.open(page, "/inbox")
        assert "Hello from the console, by keyboard" in page.inner_text("main")


def test_a_failing_run_says_what_to_do(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, "/assets/new")
        page.fill("#asset-name", "wrong port")
        page.fill("#f-server", "127.0.0.1")
        page.fill("#f-port", "1")
        page.select_option("#f-ssl_config", "None")
        page.click("text=Save and test")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "Test connectivity failed" in page.inner_text("#result")
        assert "port" in page.inner_text("#result")


def test_an_unknown_mail_is_decided_by_a_person(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, "/inbox")
        page.click("summary >> text=Chaos")
        page.select_option("#fault", "hang up")
        page.select_option("#step", "answer")
        page.click("button >> text=/^Set$/")
        send_the_sample(page, served)
        assert "may have been delivered" in page.inner_text("#result")
        served.open(page)
        page.click("text=Look at it")
        page.click("button >> text=It was sent")
        assert "There is none." in page.inner_text("main")


def test_hostile_strings_are_shown_and_do_nothing(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, "/assets/new")
        page.fill("#asset-name", "<img src=x onerror=alert(1)>")
        for name in ("f-server", "f-sender_address", "f-username"):
            page.fill(f"#{name}", HOSTILE)
        page.click("button >> text=/^Save$/")
        assert "alert(1)" in page.inner_text(".notice.bad")
        send_the_sample(page, served, subject=HOSTILE, html_body=f"<p>{HOSTILE}</p><script>alert(3)</script>")
        assert page.inner_text("#result") == "Email sent"
        for path in ("/inbox", "/inbox/1", "/runs", "/runs/1", "/run?from=1&position=1", "/settings"):
            served.open(page, path)
            assert "49" not in page.title()
            assert page.locator("img[src=x]").count() == 0
        served.open(page, "/inbox/1")
        assert HOSTILE in page.inner_text("h1")
        frame = page.frame_locator(".mail iframe")
        assert frame.locator("script").count() == 0
        served.open(page, "/vault")
        page.set_input_files(
            "#file",
            {"name": "<img src=x onerror=alert(1)>.html", "mimeType": "text/html", "buffer": b"<script>"},
        )
        page.click("button >> text=Add")
        assert "onerror" in page.inner_text("table")


class Hostile:
    """A mail server that puts markup into all that it says."""

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if "refused" in address:
            return f"550 5.1.1 {HOSTILE} {'very long ' * 40}"
        envelope.rcpt_tos.append(address)
        return f"250 2.1.5 {HOSTILE}"

    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:
        return f"250 2.0.0 {HOSTILE}"


def test_what_servers_and_people_say_is_shown_everywhere_and_does_nothing(served: Served, home: Home) -> None:
    name = HOSTILE.replace("/", "")
    with CatchingServer(Hostile(), ident=f"{HOSTILE} ESMTP") as server, signed_in(served) as page:
        fields = {
            "server": "127.0.0.1",
            "port": server.port,
            "ssl_config": "None",
            "sender_address": "me@example.org",
        }
        home.assets.add(name, fields)
        for asset in home.assets.list():
            served.open(page, f"/assets/{asset.id}")
            page.click("text=Test connectivity")
            page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        served.open(page, f"/run?action=send+email&asset={quote(name)}")
        for field in ("subject", "body"):
            page.fill(f"#f-{field}", f"{HOSTILE} مرحبا 🎉")
        page.fill("#f-to", f"{json.dumps(HOSTILE)} <ok@example.com>, refused@example.com")
        page.click("button[value=send]")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert "1 of 2 recipients" in page.inner_text("#result")
        assert page.inner_text(".lead").startswith("partly sent")
        assert page.inner_text("tbody tr:nth-child(2)").count("<script>alert(2)</script>") == 1
        served.open(page, "/settings")
        page.fill("#user-name", HOSTILE[:100])
        page.fill("#user-password", PASSWORD)
        page.click("button >> text=/^Add$/")
        page.fill("#token-name", HOSTILE)
        page.click("button >> text=/^Make$/")
        for path in (
            *PAGES,
            "/assets/2",
            "/runs/2",
            "/runs/3",
            f"/runs?asset={quote(name)}",
            "/run?from=3&position=1",
        ):
            served.open(page, path)
            assert page.locator("img[src=x], main script, svg[onload]").count() == 0, path
            assert "49" not in page.title(), path


def test_no_page_is_wider_than_a_phone(served: Served) -> None:
    with signed_in(served, viewport={"width": 360, "height": 740}) as page:
        send_the_sample(page, served)
        for path in PAGES:
            served.open(page, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_axe_finds_nothing_serious_in_light_and_dark(served: Served) -> None:
    with signed_in(served, bypass_csp=True) as page:
        send_the_sample(page, served)
        found = {}
        for path in PAGES:
            served.open(page, path)
            page.add_script_tag(path=AXE)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                result = page.evaluate("axe.run(document, {iframes: false})")
                serious = [
                    {"id": one["id"], "nodes": [node["html"][:200] for node in one["nodes"]][:3]}
                    for one in result["violations"]
                    if one["impact"] != "minor"
                ]
                if serious:
                    found[f"{path} {scheme}"] = serious
        assert found == {}, json.dumps(found, indent=1)


def add_user(page: Page, served: Served, name: str, role: str) -> None:
    served.open(page, "/settings")
    page.fill("#user-name", name)
    page.fill("#user-password", PASSWORD)
    page.select_option("#user-role", role)
    page.click("button >> text=/^Add$/")


def sign_in_as(page: Page, name: str, password: str = PASSWORD) -> None:
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("main button >> text=Sign in")


def test_each_role_sees_what_it_may_do(served: Served) -> None:
    with signed_in(served) as page:
        add_user(page, served, "vera", "viewer")
        add_user(page, served, "sam", "sender")
        page.click("text=Sign out")
        assert "You are signed out." in page.inner_text("main")
        served.open(page, "/runs")  # what somebody wanted to see comes after the sign-in
        sign_in_as(page, "vera", "not the password")
        assert "no user of that name with that password" in page.inner_text(".notice.bad")
        sign_in_as(page, "vera")
        page.wait_for_url("**/runs")
        assert page.inner_text("nav").split() == ["Assets", "Runs", "Vault", "Inbox"]
        served.open(page, "/assets")
        assert page.locator("main button, main a.button").count() == 0
        served.open(page, SAMPLE)
        assert "takes the role sender; yours is viewer" in page.inner_text("main")
        page.click("text=Sign out")
        sign_in_as(page, "sam")
        send_the_sample(page, served)
        assert page.inner_text("#result") == "Email sent"
        assert "Settings" not in page.inner_text("nav")


def test_a_session_that_was_ended_meanwhile_does_nothing_and_says_so(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, SAMPLE)
        other = page.context.new_page()
        served.open(other, "/")
        other.click("text=Sign out")
        page.click("button[value=send]")
        assert "Sign in first; nothing was done." in page.inner_text("main")
        page.click("text=Go to the first page")
        page.wait_for_url("**/sign-in")


def test_going_back_after_sending_sends_nothing_again(served: Served) -> None:
    with signed_in(served) as page:
        send_the_sample(page, served, subject="Once")
        page.go_back()
        page.wait_for_selector("#f-subject")
        assert page.input_value("#f-subject") == "Once"
        page.go_forward()
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        page.reload()
        served.open(page, "/inbox")
        assert page.locator("main >> text=Once").count() == 1


DROP = """([selector, name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, {type: "text/plain"}));
    const target = document.querySelector(selector);
    for (const kind of ["dragover", "drop"])
        target.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def test_files_are_dropped_into_the_vault_and_onto_a_mail(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, "/vault")
        page.evaluate(DROP, ["[data-drop]", "dropped.txt", "into the vault"])
        page.click("button >> text=Add")
        assert "dropped.txt" in page.inner_text("table")
        served.open(page, SAMPLE)
        page.evaluate(DROP, ["[data-files=attachment1]", "pulled.txt", "onto the mail"])
        page.wait_for_selector("#preview >> text=pulled.txt")
        page.click("button[value=send]")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        served.open(page, "/inbox/1")
        with page.expect_download() as download:
            page.click("text=pulled.txt")
        assert download.value.path().read_bytes() == b"onto the mail"


def test_a_console_that_is_killed_in_the_middle_of_a_run_tells_the_truth_afterwards(home: Home) -> None:
    silent = Settings(fault=Fault(Step.END, Kind.SILENCE))
    with ScriptedServer(silent) as server:
        address = {"server": server.host, "port": server.port, "ssl_config": "None", "read_timeout": 300}
        home.assets.add("silent", address)
        with serving(home) as served, browsing() as page:
            page.goto(served.link)
            served.open(page, "/run?action=send+email&asset=silent")
            for name, value in (("from", "soc@example.org"), ("to", "jane@example.com"), ("body", "Hello")):
                page.fill(f"#f-{name}", value)
            page.click("button[value=send]")
            page.wait_for_selector("#events li", timeout=RESULT_WITHIN)
            wait_until(
                lambda: [one.state for one in home.runs.get(1).mails] == ["committed"],
                "the point of no return",
            )
            served.process.kill()
            served.process.wait(60)
    with serving(home) as served, signed_in(served) as page:
        assert "1 mail may or may not have been delivered" in page.inner_text("main")
        page.click("text=Look at it")
        assert "jane@example.com" in page.inner_text("main")
        served.open(page, "/runs/1")
        assert "cut off" in page.inner_text(".lead")
        assert "ended before the run did" in page.inner_text("#result")


def test_a_page_tells_what_happens_while_it_happens(served: Served) -> None:
    with signed_in(served) as page:
        served.open(page, "/inbox")
        page.click("summary >> text=Chaos")
        page.select_option("#fault", "be slow")
        page.select_option("#step", "answer")
        page.click("button >> text=/^Set$/")
        served.open(page, SAMPLE)
        page.click("button[value=send]")
        page.wait_for_selector("#events li")
        steps = page.locator("#events li").count()
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
        assert steps > 0
        assert page.locator(".timeline svg").count() >= steps
        assert "EHLO" in page.text_content("details pre")
