"""The console as a process of its own, and a browser in which somebody has signed in to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from host.local.home import HOME_VARIABLE, Home
from tests.real.browser import browsing
from tests.real.connector import ROOT

_NO_FAULTS = (
    "Failed to load resource: the server responded with a status of 40",
    "Loading the image 'http://127",
)
"""What Chromium says of a page that refuses something, and of a picture that a mail wanted to fetch and did not get."""
RESULT_WITHIN = 90_000
"""Milliseconds; a second or two on a machine that has nothing else to do."""


@dataclass(frozen=True)
class Served:
    """A console that runs. Its link works once."""

    link: str
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return self.link.partition("/sign-in")[0]

    def open(self, page: Page, path: str = "/") -> None:
        page.goto(f"{self.base}{path}")


@contextmanager
def serving(home: Home, *arguments: str, **environment: str) -> Iterator[Served]:
    """`serve` with these arguments, on any port unless they name one."""
    process = subprocess.Popen(
        [
            sys.executable,
            "smtp_connector.py",
            "serve",
            *(() if "--port" in arguments else ("--port", "0")),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, HOME_VARIABLE: str(home.folder), **environment},
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
