"""The console as an ASGI application: every address it has, and who may go there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from doors.console import (
    approval_pages,
    assets_pages,
    history_pages,
    home_pages,
    inbox_pages,
    redirect_pages,
    run_pages,
    settings_pages,
    sign_in,
    vault_pages,
)
from doors.console.api_routes import api_routes
from doors.console.asset_sign_in import CALLBACK
from doors.console.console import Console
from doors.console.events import run_events
from doors.console.guard import LARGEST_REQUEST, PROGRAMS, Guard
from doors.console.visit import Handler, Visit, route
from host.local.people.roles import Role

VIEWER, SENDER, ADMINISTRATOR = Role.VIEWER, Role.SENDER, Role.ADMINISTRATOR
PAGES: tuple[tuple[str, str, Handler, Role | None], ...] = (
    ("GET", "/static/{name}", home_pages.static, None),
    ("GET", "/favicon.ico", home_pages.favicon, None),
    ("GET", "/sign-in", sign_in.form, None),
    ("POST", "/sign-in", sign_in.by_password, None),
    ("GET", "/sign-in/link/{code}", sign_in.by_link, None),
    ("GET", redirect_pages.OPENID, redirect_pages.to_provider, None),
    ("GET", redirect_pages.OPENID_CALLBACK, redirect_pages.from_provider, None),
    ("GET", CALLBACK, redirect_pages.from_assets_provider, None),
    ("POST", "/sign-out", sign_in.out, None),
    ("GET", "/", home_pages.index, VIEWER),
    ("GET", "/explained/{name}", home_pages.explained, VIEWER),
    ("GET", "/assets", assets_pages.index, VIEWER),
    ("GET", "/assets/new", assets_pages.new, ADMINISTRATOR),
    ("POST", "/assets/new", assets_pages.save, ADMINISTRATOR),
    ("GET", "/assets/{id}", assets_pages.edit, ADMINISTRATOR),
    ("POST", "/assets/{id}", assets_pages.save, ADMINISTRATOR),
    ("POST", "/assets/{id}/test", assets_pages.test_stored, SENDER),
    ("POST", "/assets/{id}/remove", assets_pages.remove, ADMINISTRATOR),
    ("GET", "/run", run_pages.form, SENDER),
    ("POST", "/run", run_pages.submit, SENDER),
    ("POST", "/run/preview", run_pages.preview_part, SENDER),
    ("GET", "/previews/{name}", run_pages.preview_html, SENDER),
    ("GET", "/runs", history_pages.index, VIEWER),
    ("GET", "/runs/unknown", history_pages.unknown, VIEWER),
    ("GET", "/runs/{id}", history_pages.show, VIEWER),
    ("GET", "/runs/{id}/sign-in", redirect_pages.to_assets_provider, SENDER),
    ("POST", "/runs/{id}/cancel", history_pages.cancel, SENDER),
    ("POST", "/runs/{id}/pause", history_pages.pause, SENDER),
    ("POST", "/runs/{id}/resume", history_pages.resume, SENDER),
    ("POST", "/runs/{id}/resolve", history_pages.resolve, SENDER),
    ("GET", "/vault", vault_pages.index, VIEWER),
    ("POST", "/vault", vault_pages.add, SENDER),
    ("GET", "/vault/{vault_id}", vault_pages.download, VIEWER),
    ("POST", "/vault/{vault_id}/remove", vault_pages.remove, SENDER),
    ("GET", "/inbox", inbox_pages.index, VIEWER),
    ("POST", "/inbox/clear", inbox_pages.clear, SENDER),
    ("POST", "/inbox/chaos", inbox_pages.chaos, SENDER),
    ("GET", "/inbox/{id}", inbox_pages.show, VIEWER),
    ("GET", "/inbox/{id}/html", inbox_pages.html, VIEWER),
    ("GET", "/inbox/{id}/source", inbox_pages.source, VIEWER),
    ("GET", "/inbox/{id}/parts/{part}", inbox_pages.attachment, VIEWER),
    ("GET", "/approvals", approval_pages.index, SENDER),
    ("POST", "/approvals", approval_pages.decide, SENDER),
    ("GET", "/settings", settings_pages.index, ADMINISTRATOR),
    ("POST", "/settings/users", settings_pages.add_user, ADMINISTRATOR),
    ("POST", "/settings/users/{id}", settings_pages.change_user, ADMINISTRATOR),
    ("POST", "/settings/users/{id}/remove", settings_pages.remove_user, ADMINISTRATOR),
    ("POST", "/settings/tokens", settings_pages.make_token, ADMINISTRATOR),
    ("POST", "/settings/tokens/{id}/remove", settings_pages.remove_token, ADMINISTRATOR),
)


class Beside(Protocol):
    """What is served at other addresses of the same console, for as long as the console is."""

    @property
    def routes(self) -> Sequence[BaseRoute]: ...

    def lifespan(self) -> AbstractAsyncContextManager[None]: ...


def make_app(console: Console, beside: Beside | None = None) -> ASGIApp:
    """The application, with what is `beside` it."""
    routes: list[BaseRoute] = [route(console, *page) for page in PAGES]
    routes.append(Route("/runs/{id}/events", run_events(console), methods=["GET"]))

    async def refused(request: Request, error: Exception) -> Response:
        return _refused(console, request, error)

    app = Starlette(
        routes=[*(beside.routes if beside is not None else ()), *api_routes(console), *routes],
        exception_handlers={HTTPException: refused, Exception: refused},
        lifespan=None if beside is None else (lambda _app: beside.lifespan()),
    )
    return Guard(app, console.address, LARGEST_REQUEST)


def _refused(console: Console, request: Request, error: Exception) -> Response:
    """An address that isn't there, a method that isn't, or a mistake of ours: never a traceback."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = {
        404: "There is nothing at this address.",
        405: "That can't be done at this address.",
    }.get(status, "This is a mistake in the console: please report it, with what you did.")
    if isinstance(error, HTTPException) and status not in (404, 405):
        text = error.detail
    headers = error.headers if isinstance(error, HTTPException) else None
    if request.url.path.startswith(PROGRAMS):
        return JSONResponse({"failed": True, "message": text}, status, headers=headers)
    if request.method == "HEAD":
        return PlainTextResponse("", status, headers=headers)
    response = Visit(console, request).page("error.html", status, text=text)
    response.headers.update(headers or {})
    return response
