"""Every page of the console, by its routes: without a script, by keyboard alone, and with what hostile servers tell."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from doors.console.app import PAGES
from host.local.home import Home
from tests.real.consoles import RESULT_WITHIN, Served, serving, signed_in
from tests.real.test_console import HOSTILE, SAMPLE, send_the_sample
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

NO_PAGES = {
    "/static/{name}", "/favicon.ico", "/vault/{vault_id}", "/inbox/{id}/source", "/inbox/{id}/parts/{part}",
    "/inbox/{id}/html", "/previews/{name}", "/sign-in/link/{code}", "/sign-in/openid", "/sign-in/openid/callback",
    "/oauth/callback", "/runs/{id}/sign-in", "/sign-in",
}  # fmt: skip
"""Files, frames, ways from and to a provider; the sign-in page leads whoever is signed in to the first one."""
PATHS = [
    path.replace("{id}", "1").replace("{name}", "providers")
    for method, path, _handler, _role in PAGES
    if method == "GET" and path not in NO_PAGES
]
UNUSABLE = """() => [...document.querySelectorAll("main form, header form")].flatMap((form) => {
    const faults = [];
    const button = [...form.querySelectorAll("button")].find((one) => one.checkVisibility());
    if (!button && !form.closest("details:not([open])")) faults.push(`no button: ${form.action}`);
    for (const one of form.querySelectorAll("input:not([type=hidden]), select, textarea")) {
        const named = one.labels?.length || one.getAttribute("aria-label");
        if (!named || !one.name) faults.push(`no label or name: ${one.outerHTML}`);
    }
    return faults;
})"""
LISTEN = """() => {
    window.reached = new Set();
    window.unseen = [];
    document.addEventListener("focusin", ({target}) => {
        window.reached.add(target);
        const style = getComputedStyle(target);
        if (style.outlineStyle === "none" || style.outlineWidth === "0px") window.unseen.push(target.outerHTML);
    });
}"""
MORE = 12
"""Times that Tab is pressed for each page besides its controls: frames, and what scrolls, are reached, too."""
CONTROLS = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
COUNT = (
    f"""() => [...document.querySelectorAll('{CONTROLS}')].filter((one) => one.checkVisibility()).length"""
)
MISSED = f"""() => [...document.querySelectorAll('{CONTROLS}')]
    .filter((one) => one.checkVisibility() && !one.disabled && !window.reached.has(one)).map((one) => one.outerHTML)"""


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    with serving(home, "--catch") as console:
        yield console


def test_every_page_can_be_used_without_a_script(served: Served) -> None:
    assert len(PATHS) >= 14
    with signed_in(served, java_script_enabled=False) as page:
        send_the_sample(page, served)
        for path in (*PATHS, SAMPLE):
            served.open(page, path)
            assert page.locator("h1").first.is_visible(), path
            assert page.evaluate(UNUSABLE) == [], path


def test_every_control_of_every_page_is_reached_by_keyboard_and_shows_it(served: Served) -> None:
    with signed_in(served) as page:
        send_the_sample(page, served)
        for path in (*PATHS, SAMPLE):
            served.open(page, path)
            page.evaluate(LISTEN)
            for _ in range(page.evaluate(COUNT) + MORE):
                page.keyboard.press("Tab")
            assert page.evaluate(MISSED) == [], path
            assert page.evaluate("window.unseen") == [], path


def test_events_with_markup_are_shown_and_do_nothing(served: Served, home: Home) -> None:
    texts = [*([HOSTILE] * 30), f"Open https://login.example/{HOSTILE} and sign in."]
    told = "".join(
        f"id: {place}\nevent: progress\ndata: {json.dumps({'ms': 1, 'text': text})}\n\n"
        for place, text in enumerate(texts)
    )
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.SILENCE))) as server, signed_in(served) as page:
        home.assets.add("silent", {"server": server.host, "port": server.port, "ssl_config": "None"})
        served.open(page, "/run?action=send+email&asset=silent")
        for name, value in (("from", "soc@example.org"), ("to", "jane@example.com"), ("body", "Hello")):
            page.fill(f"#f-{name}", value)
        page.route("**/events", lambda route: route.fulfill(content_type="text/event-stream", body=told))
        page.click("button[value=send]")
        page.wait_for_selector("text=Open the sign-in page")
        assert page.inner_text("#events li:last-child").endswith(texts[-1])
        assert HOSTILE in page.inner_text("#events")
        assert page.locator("img[src=x], main script, svg[onload]").count() == 0
        links = page.eval_on_selector_all("main a.button", "(all) => all.map((one) => one.protocol)")
        assert links == ["https:"]
        page.unroute("**/events")
        page.click("text=Stop")
        page.wait_for_selector("#result", timeout=RESULT_WITHIN)
