"""The console in a real browser, as people walk through it: with a script and without, by keyboard, on a phone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from host.local.home import HOME_VARIABLE, Home
from tests.real.browser import browsing

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".local" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
SAMPLE = "/run?action=send+htmlemail&asset=catcher&sample=1"
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


_NO_FAULTS = (
    "Failed to load resource: the server responded with a status of 40",
    "Loading the image 'http://127",
)
"""What Chromium says of a page that refuses something, and of a picture that a mail wanted to fetch and did not get."""
RESULT_WITHIN = 90_000
"""Milliseconds; a second or two on a machine that has nothing else to do."""


@dataclass(frozen=True)
class Served:
    """A console that runs as a process, as `make console` starts it. Its link works once."""

    link: str
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return self.link.partition("/sign-in")[0]

    def open(self, page: Page, path: str = "/") -> None:
        page.goto(f"{self.base}{path}")


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "smtp_connector.py", "serve", "--catch", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, HOME_VARIABLE: str(home.folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Served(process.stdout.readline().strip(), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


@contextmanager
def signed_in(served: Served, **settings: Any) -> Iterator[Page]:
    """A browser that has followed the link; what its console complains about fails the test."""
    with browsing(**settings) as page:
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(served.link)
        yield page
        assert [fault for fault in faults if not fault.startswith(_NO_FAULTS)] == []


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
