"""A console of the test's own, with a catcher, and browsers that are signed in to it or not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from delivery.pool import Pool
from doors.console.app import make_app
from doors.console.catcher import Catcher
from doors.console.console import Address, Console
from host.local.home import HOME_VARIABLE, Home
from host.local.people.roles import Role
from host.manifest.model import load

BASE = "http://127.0.0.1:8025"
ADDRESS = Address(BASE, frozenset({"127.0.0.1:8025", "localhost:8025"}))
PASSWORD = "correct horse battery"


@dataclass
class Desk:
    """A console and what tests do with it."""

    console: Console
    open_browser: Callable[[], TestClient]

    @property
    def catcher(self) -> Catcher:
        assert self.console.catcher is not None
        return self.console.catcher

    def signed_in(self, role: Role = Role.ADMINISTRATOR) -> TestClient:
        """A browser in which a user of that role has signed in."""
        name = f"a {role.value}"
        if self.console.users.find(name) is None:
            self.console.users.add(name, PASSWORD, role)
        browser = self.open_browser()
        answer = browser.post("/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return browser

    def add_asset(self, name: str = "catcher", **fields: Any) -> str:
        return self.console.home.assets.add(name, {**self.catcher.asset, **fields})

    def wait_for(self, number: int) -> None:
        """Until that run has ended."""
        live = self.console.live.get(number)
        assert live is not None
        assert live.ended.wait(60)

    def run(self, browser: TestClient, action: str = "send email", **parameters: str) -> str:
        """Fill in the run form and send it; the page of the ended run."""
        data = {"action": action, "asset": "catcher", "do": "send", **parameters}
        answer = browser.post("/run", data=data, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        found = re.fullmatch(r"/runs/(\d+)", answer.headers["location"])
        assert found is not None
        self.wait_for(int(found[1]))
        return browser.get(found[0]).text


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    opened: list[TestClient] = []
    with Catcher() as catcher:
        console = Console(load(), Home(folder), Pool(), ADDRESS, catcher)
        app = make_app(console)

        def open_browser() -> TestClient:
            browser = TestClient(app, base_url=BASE, raise_server_exceptions=False)
            opened.append(browser)
            return browser

        yield Desk(console, open_browser)
        console.live.close(60, lambda _text: None)
        for browser in opened:
            browser.close()


@pytest.fixture
def browser(desk: Desk) -> TestClient:
    """One in which an administrator has signed in, at a console with the sample asset."""
    desk.add_asset()
    return desk.signed_in()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
