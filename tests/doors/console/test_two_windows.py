"""One asset, open in two windows or changed by two programs: the later save does not go over the earlier one unseen."""

from __future__ import annotations

import re
from typing import Any

import html5lib
import pytest
from starlette.testclient import TestClient

from host.local.people.roles import Role
from tests.doors.console.conftest import Desk

SECRET, NEW_SECRET = "canary-secret", "another-canary"


@pytest.fixture
def asset_id(desk: Desk) -> str:
    return desk.add_asset("prod", username="soc@example.com", password=SECRET)


def filled(page: str) -> dict[str, str]:
    """What the form of an asset would send, as far as it is no choice and no box to tick."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    (form,) = (one for one in tree.iter("form") if one.find(".//input[@name='asset-name']") is not None)
    return {
        one.attrib["name"]: one.attrib.get("value", "")
        for one in form.iter("input")
        if one.attrib.get("type", "text") in ("text", "hidden")
        and not one.attrib["name"].startswith("shown-")
    }


def test_the_second_window_is_told_what_differs_and_loses_nothing(desk: Desk, asset_id: str) -> None:
    browser, path = desk.signed_in(), f"/assets/{asset_id}"
    first, second = filled(browser.get(path).text), filled(browser.get(path).text)
    assert browser.post(path, data={**first, "port": "2525"}).status_code == 200
    answer = browser.post(path, data={**second, "username": "other@example.com", "password": NEW_SECRET})
    assert answer.status_code == 409
    assert "Nothing of yours is saved yet" in answer.text
    rows = re.findall(r'<td[^>]*data-label="(?:Field|Stored now|You filled in)">([^<]*)</td>', answer.text)
    port = str(desk.catcher.port)
    assert [tuple(rows[place : place + 3]) for place in range(0, len(rows), 3)] == [
        ("Port", "2525", port),
        ("Username", "soc@example.com", "other@example.com"),
        ("Password", "a secret", "another secret"),
    ]
    assert SECRET not in answer.text
    assert NEW_SECRET not in answer.text
    assert "Type it again: it was not saved." in answer.text
    stored = desk.console.home.assets.get("prod").config
    assert (stored["port"], stored["username"], stored["password"]) == ("2525", "soc@example.com", SECRET)

    again = filled(answer.text)
    assert again["username"] == "other@example.com"
    assert browser.post(path, data={**again, "password": NEW_SECRET}).status_code == 200
    stored = desk.console.home.assets.get("prod").config
    assert (stored["port"], stored["username"], stored["password"]) == (port, "other@example.com", NEW_SECRET)
    assert browser.post(path, data=first).status_code == 409, "what a page of before had is still too old"


def test_a_secret_that_was_typed_with_something_wrong_is_not_said_to_be_stored(
    desk: Desk, asset_id: str
) -> None:
    browser = desk.signed_in()
    wrong = {"asset-name": "new", "server": "mail.example.com", "port": "many", "password": NEW_SECRET}
    page = browser.post("/assets/new", data=wrong).text
    assert "Type it again: it was not saved." in page
    assert "Stored. Leave it empty to keep it." not in page
    assert NEW_SECRET not in page
    forgotten = {**wrong, "password": "", "forget-password": "1"}
    page = browser.post(f"/assets/{asset_id}", data=forgotten).text
    assert 'name="forget-password" value="1" checked' in page
    assert desk.console.home.assets.get("prod").config["password"] == SECRET


def test_a_program_may_make_its_change_depend_on_the_version(desk: Desk, asset_id: str) -> None:
    program = desk.open_browser()
    program.headers["ph-auth-token"] = desk.console.tokens.make("test", Role.ADMINISTRATOR)
    path = f"/rest/asset/{asset_id}"

    def change(port: int, **headers: Any) -> int:
        body = {"configuration": {"port": port}}
        return program.post(
            path, json=body, headers={"If-Match": headers["tag"]} if headers else {}
        ).status_code

    tag = program.get(path).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    assert program.get(path).headers["etag"] == tag
    assert change(1, tag=f'"other", {tag}') == 200
    assert change(2, tag=tag) == 412
    assert program.post(path, json={"configuration": {}}, headers={"If-Match": tag}).json()["failed"] is True
    for never in (f"W/{program.get(path).headers['etag']}", "nonsense", '""'):
        assert change(2, tag=never) == 412
    assert desk.console.home.assets.get("prod").config["port"] == 1
    assert change(3, tag="*") == 200
    assert change(4) == 200
    assert change(5, tag=program.get(path).headers["etag"]) == 200


def test_windows_of_different_assets_do_not_disturb_each_other(desk: Desk, browser: TestClient) -> None:
    other = desk.add_asset("other")
    page = filled(browser.get("/assets/1").text)
    browser.post(f"/assets/{other}", data={**filled(browser.get(f"/assets/{other}").text), "port": "25"})
    assert browser.post("/assets/1", data=page).status_code == 200
