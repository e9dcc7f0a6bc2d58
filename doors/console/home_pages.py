"""The first page, and what it is made of."""

from __future__ import annotations

from starlette.responses import FileResponse, RedirectResponse, Response

from doors.console.explained import shown
from doors.console.history_pages import state_of
from doors.console.render import FOLDER
from doors.console.visit import NotThere, Visit
from host.local.pages import pages

STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "logo.svg": "image/svg+xml",
}
CATCHER = "catcher"
"""The sample asset's name."""


def index(visit: Visit) -> Response:
    """GET /"""
    console = visit.console
    runs = console.home.runs
    entries = runs.list(8)
    assets = console.home.assets.list()
    sample = next((entry for entry in assets if entry.name == CATCHER and console.catcher is not None), None)
    return visit.page(
        "home.html",
        runs=[(entry, state_of(entry)) for entry in entries],
        unknown=len(runs.unknown()),
        assets=assets,
        sample=sample,
        mails=len(console.catcher.mailbox.list()) if console.catcher is not None else 0,
    )


def explained(visit: Visit) -> Response:
    """GET /explained/NAME: the page that a hint names."""
    name = str(visit.request.path_params["name"])
    page = next((page for page in pages() if page.name == name), None)
    if page is None:
        raise NotThere("There is no page about that.")
    return visit.page("explained.html", title=page.title, content=shown(page.text))


def static(visit: Visit) -> Response:
    """GET /static/NAME"""
    name = str(visit.request.path_params["name"])
    if name not in STATIC:
        raise NotThere("There is nothing at this address.")
    return FileResponse(
        FOLDER / "static" / name, media_type=STATIC[name], headers={"Cache-Control": "no-cache"}
    )


def favicon(_visit: Visit) -> Response:
    """GET /favicon.ico"""
    return RedirectResponse("/static/logo.svg", 308)
