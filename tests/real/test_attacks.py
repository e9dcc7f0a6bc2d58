"""The collection of attacks in Chromium: no script runs, no style is fetched, whatever is clicked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Dialog, Page, Request

from message.html import sanitize
from tests.attacks.collection import ATTACKS
from tests.attacks.test_active_html import HOSTILE
from tests.real.browser import browsing

# What a reader could set off: everything is pointed at, focused and pressed. Links to elsewhere lead nowhere.
_PRESS_EVERYTHING = """
() => {
  document.addEventListener('click', (event) => {
    const link = event.target.closest && event.target.closest('a, area');
    if (link && /^(https?|mailto|tel|sms|ftp|cid):/.test(link.href || '')) event.preventDefault();
  }, true);
  for (const element of document.querySelectorAll('*')) {
    for (const name of ['mouseover', 'mouseenter', 'focus', 'toggle', 'animationstart', 'change', 'load', 'error']) {
      element.dispatchEvent(new Event(name, { bubbles: false }));
    }
    if (element.focus) element.focus();
    if (element.click) element.click();
  }
  return new Promise((done) => setTimeout(done, 5));
}
"""


_MAIL = "http://localhost/mail"


@dataclass
class Seen:
    """What happened since the last document was shown."""

    dialogs: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple[Page, Seen]]:
    seen = Seen()

    def dialog(told: Dialog) -> None:
        seen.dialogs.append(told.message)
        told.dismiss()

    def requested(request: Request) -> None:
        if "css.evil.test" in request.url or request.resource_type not in ("image", "document"):
            seen.fetched.append(request.url)

    with browsing() as page:
        page.route("**/*", lambda route: route.abort("aborted"))
        page.on("dialog", dialog)
        page.on("request", requested)
        yield page, seen


def shown(page: Page, seen: Seen, html: str) -> Seen:
    """What happens when a document is shown and everything on it pressed."""
    seen.dialogs.clear()
    seen.fetched.clear()
    page.unroute(_MAIL)
    page.route(_MAIL, lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    page.goto(_MAIL, wait_until="load")
    page.evaluate(_PRESS_EVERYTHING)
    return Seen(list(seen.dialogs), list(seen.fetched))


def test_no_script_runs_and_no_style_is_fetched(browser: tuple[Page, Seen]) -> None:
    page, seen = browser
    attacks = (*ATTACKS, *HOSTILE)
    assert len(attacks) > 300
    acted = {}
    for attack in attacks:
        happened = shown(page, seen, sanitize(attack).html)
        if happened.dialogs or happened.fetched:
            acted[attack] = happened
    assert acted == {}


def test_without_sanitising_they_do(browser: tuple[Page, Seen]) -> None:
    page, seen = browser
    harmless = (
        "javascript:",
        "vbscript:",
        "view-source:",
        "<iframe",
        "http-equiv",
        "<object",
        "<embed",
        "<base",
    )
    tried = [attack for attack in ATTACKS if not any(word in attack.lower() for word in harmless)]
    acted = [attack for attack in tried[::8] if (h := shown(page, seen, attack)) and (h.dialogs or h.fetched)]
    assert len(acted) > len(tried[::8]) // 2
