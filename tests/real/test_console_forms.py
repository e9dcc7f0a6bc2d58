"""Every form of the console, filled in and sent by a browser that runs no script, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from doors.console.app import PAGES
from host.local import durable
from host.local.home import Home
from host.local.people.approvals import Approvals, Wanted
from host.local.people.database import PeopleDatabase
from host.local.rows import Row
from host.manifest.model import load
from tests.real.consoles import RESULT_WITHIN, Served, serving, signed_in
from tests.real.test_console import PASSWORD, SAMPLE

BY_SCRIPT_ALONE = {"/run/preview"}
FORMS = {path for method, path, _handler, _role in PAGES if method == "POST"} - BY_SCRIPT_ALONE
LATER = "2100-01-01T00:00:00Z"


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    with serving(home, "--catch") as console:
        yield console


def test_every_form_is_sent_without_a_script(served: Served, home: Home) -> None:
    sent: set[str] = set()
    with signed_in(served, java_script_enabled=False) as page:
        page.on("request", lambda asked: sent.add(asked.url) if asked.method == "POST" else None)
        assets(page, served)
        vault_and_mails(page, served)
        unknown_mails(page, served)
        a_durable_run(page, served, home)
        the_history(page, served)
        an_approval(page, served, home)
        settings(page, served)
    paths = {urlsplit(url).path for url in sent}
    patterns = {form: re.compile(re.sub(r"\{\w+\}", r"[^/]+", form)) for form in FORMS}
    assert [form for form in sorted(FORMS) if not any(map(patterns[form].fullmatch, paths))] == []


def assets(page: Page, served: Served) -> None:
    served.open(page, "/assets/new")
    page.fill("#address", "jane@gmail.com")
    page.click("text=Fill in")
    assert page.input_value("[name=server]") == "smtp.gmail.com"
    page.fill("#asset-name", "prod")
    page.click("button >> text=/^Save$/")
    assert "prod" in page.inner_text("h1")
    page.fill("#asset-name", "prod2")
    page.click("button >> text=/^Save$/")
    assert "prod2" in page.inner_text("h1")
    page.click("text=Remove this asset")
    assert "prod2" not in page.inner_text("main table")
    page.click("[aria-label='Test connectivity of catcher']")
    page.wait_for_selector("#result", timeout=RESULT_WITHIN)  # the page looks again by itself
    assert "Test connectivity passed." in page.inner_text("#result")


def vault_and_mails(page: Page, served: Served) -> None:
    served.open(page, "/vault")
    page.set_input_files("#file", {"name": "report.txt", "mimeType": "text/plain", "buffer": b"the report"})
    page.click("button >> text=/^Add$/")
    assert "report.txt" in page.inner_text("main table")
    page.click("[aria-label^='Remove report.txt']")
    assert "report.txt" not in page.inner_text("main")
    served.open(page, SAMPLE)
    page.fill("#f-to", "jane@example.com, bob@example.com")
    page.set_input_files(
        "input[name=file-attachment1]",
        {"name": "with.txt", "mimeType": "text/plain", "buffer": b"the file"},
    )
    page.click("button[value=preview]")
    assert page.frame_locator(".preview iframe").locator("h1").inner_text() == "It works"
    page.click("button[value=send]")
    page.wait_for_selector("#result", timeout=RESULT_WITHIN)
    assert page.inner_text("#result") == "Email sent"
    served.open(page, "/inbox")
    page.click("text=Hello from the console")
    assert "with.txt" in page.inner_text("main")
    served.open(page, "/inbox")
    page.click("text=Empty it")
    assert page.locator("text=Hello from the console").count() == 0


def unknown_mails(page: Page, served: Served) -> None:
    chaos(page, served, "hang up")
    served.open(page, SAMPLE)
    page.click("button[value=send]")
    page.wait_for_selector("#result", timeout=RESULT_WITHIN)
    assert "may have been delivered" in page.inner_text("#result")
    chaos(page, served, "")
    served.open(page, "/runs/unknown")
    page.click("button >> text=It was sent")
    assert "There is none." in page.inner_text("main")


def chaos(page: Page, served: Served, fault: str) -> None:
    served.open(page, "/inbox")
    if not page.is_visible("#fault"):  # it is open while a fault is chosen
        page.click("summary >> text=Chaos")
    page.select_option("#fault", fault)
    page.select_option("#step", "answer")
    page.click("button >> text=/^Set$/")
    assert page.locator("#fault option[selected]").all_inner_texts() == ([fault] if fault else [])


def a_durable_run(page: Page, served: Served, home: Home) -> None:
    order = durable.Order(load().action("send email"), "catcher", not_before=LATER)
    number = durable.submit(order, [Row(1, {"to": "jane@example.com", "body": "x"})], home).run_id
    assert number is not None
    served.open(page, f"/runs/{number}")
    for button, state in (("Pause", "paused"), ("Resume", "running"), ("Stop", "cancelled")):
        page.click(f"button >> text={button}")
        assert home.runs.state_of(number) == state


def the_history(page: Page, served: Served) -> None:
    served.open(page, "/runs")
    page.select_option("#state", "failed")
    page.click("button >> text=Filter")
    assert page.url.endswith("state=failed&action=&asset=")


def an_approval(page: Page, served: Served, home: Home) -> None:
    parameters = {"to": "jane@example.com", "body": "Hello"}
    approvals = Approvals(PeopleDatabase(home.folder))
    for key, answer in (("one", "Refuse"), ("two", "Let it send this mail")):
        wanted = Wanted("send email", "catcher", parameters, key, "agent", "the user asked")
        served.open(page, "/approvals")
        page.fill("#code", approvals.ask(wanted))
        page.click("button >> text=Look")
        assert "the user asked" in page.inner_text("main")
        page.click(f"button >> text={answer}")
        assert (approvals.find(wanted) is not None) == (key == "two")


def settings(page: Page, served: Served) -> None:
    served.open(page, "/settings")
    page.fill("#token-name", "robot")
    page.click("button >> text=Make")
    assert len(page.inner_text("#new-token")) > 20
    page.click("[aria-label='Remove the token robot']")
    assert page.locator("[aria-label='Remove the token robot']").count() == 0
    for name in ("vera", "adam"):
        page.fill("#user-name", name)
        page.fill("#user-password", PASSWORD)
        page.select_option("#user-role", "administrator")
        page.click("button >> text=/^Add$/")
        assert page.locator(f"[aria-label='Remove {name}']").count() == 1
    row = page.locator("tr", has=page.locator("[aria-label='Remove vera']"))
    row.locator("select").select_option("viewer")
    row.locator("button >> text=Change").click()
    assert row.locator("option[selected]").inner_text() == "viewer"
    row.locator("[aria-label='Remove vera']").click()
    assert page.locator("[aria-label='Remove vera']").count() == 0
    page.click("text=Sign out")
    page.fill("#name", "adam")
    page.fill("#password", PASSWORD)
    page.click("button >> text=/^Sign in$/")
    assert "Settings" in page.inner_text("nav")
