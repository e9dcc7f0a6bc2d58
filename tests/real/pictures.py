"""Takes the pictures of the console in docs/images anew: `python -m tests.real.pictures`.

A newcomer's minute in Chromium (Debian's package), in a console of its own with a mail catcher.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import FilePayload, Page, ViewportSize

from host.local.home import Home
from tests.real.consoles import Served, serving, signed_in

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
WIDE = ViewportSize(width=1200, height=820)
PHONE = ViewportSize(width=390, height=820)
FORM = "/run?action=send+htmlemail&asset=catcher&sample=1"
REPORT = FilePayload(name="report.txt", mimeType="text/plain", buffer=b"Nothing unusual was found.\n")
WITHIN = 90_000
"""Milliseconds until a run has ended."""


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Home(Path(folder) / "data"), "--catch") as console,
        signed_in(console, viewport=WIDE) as page,
    ):
        _take(page, "console-home")
        _fill_in(page, console)
        _take(page, "console-run")
        page.set_viewport_size(PHONE)
        _take(page, "console-narrow")
        page.set_viewport_size(WIDE)
        page.click("button[value=send]")
        page.wait_for_selector("#result", timeout=WITHIN)
        _take(page, "console-result")
        page.emulate_media(color_scheme="dark")
        console.open(page, "/inbox")
        page.click("text=Hello from the console")
        page.frame_locator(".mail iframe").locator("h1").wait_for()
        _take(page, "console-inbox-dark")
    return 0


def _fill_in(page: Page, console: Served) -> None:
    """The sample with a file, and wait for the preview of just that."""
    console.open(page, FORM)
    page.set_input_files("input[name=file-attachment1]", REPORT)
    page.wait_for_selector("#preview >> text=report.txt")
    page.frame_locator(".preview iframe").locator("h1").wait_for()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
