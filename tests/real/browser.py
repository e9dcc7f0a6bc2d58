"""The person who signs in: headless Chromium (Debian's package), driven through the provider's own pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, sync_playwright

from tests.real.openid import MICROSOFT
from tests.real.processes import ServerTrouble

CHROMIUM = Path("/usr/bin/chromium")
_THIS_MACHINE = ("localhost", "127.0.0.1", MICROSOFT)
_SECONDS = 30
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {MICROSOFT} 127.0.0.1",
]


@contextmanager
def browsing(**settings: Any) -> Iterator[Page]:
    """A new page. It reaches nothing but this machine, and nobody's certificate is checked: they are the tests' own.

    `settings` are those of a context of Playwright's: a viewport, no script, a colour scheme.
    """
    if not CHROMIUM.exists():
        raise ServerTrouble("Chromium is not installed. `make test-real` installs it.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=_ARGUMENTS, timeout=_SECONDS * 1000
        )
        try:
            page = browser.new_context(ignore_https_errors=True, **settings).new_page()
            page.set_default_timeout(_SECONDS * 1000)
            page.route("**/*", _stay_on_this_machine)
            yield page
        finally:
            browser.close()


def sign_in(link: str, login: str) -> str:
    """Follow `link`, sign in as `login`, agree to what is asked; what the page says that it ends on."""
    with browsing() as page:
        page.goto(link)
        try:
            _sign_in(page, login)
            page.wait_for_load_state()
        except PlaywrightError as exc:
            raise ServerTrouble(f"The browser got no further than: {page.inner_text('body')}") from exc
        return page.inner_text("body")


def _sign_in(page: Page, login: str) -> None:
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", "any password will do")
    page.click("button[type=submit]")
    page.click("input[name=prompt][value=consent] ~ button[type=submit]")


def _stay_on_this_machine(route: Route) -> None:
    if urlsplit(route.request.url).hostname in _THIS_MACHINE:
        route.continue_()
    else:
        route.abort()
