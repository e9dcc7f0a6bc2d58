"""The console in a real browser, as a newcomer walks through it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from host.local.home import HOME_VARIABLE, Home
from tests.real.browser import browsing

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    """A console that runs as a process, as `make console` starts it."""

    link: str
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return self.link.partition("/sign-in")[0]


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


def send_the_sample(page: Page, served: Served) -> None:
    page.goto(f"{served.base}/run?action=send+htmlemail&asset=catcher&sample=1")
    page.click("button[value=send]")
    page.wait_for_selector("#result")


def test_a_newcomers_minute(served: Served) -> None:
    with browsing() as page:
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        page.goto(served.link)
        page.click("text=Test connectivity")
        page.wait_for_selector("#result")
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
        page.wait_for_selector("#result")
        assert page.inner_text("#result") == "Email sent"
        page.click("nav >> text=Inbox")
        page.click("text=Hello from the console")
        assert "report.txt" in page.inner_text("main")
        with page.expect_download() as download:
            page.click("text=report.txt")
        assert download.value.path().read_bytes() == b"the report"
        assert faults == []
