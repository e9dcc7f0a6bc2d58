"""Every address of the HTTP API, and the role that a token needs for it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from doors.console import api_runs, api_stores
from doors.console.api import ApiHandler, api_route
from doors.console.console import Console
from doors.console.openapi import document
from host.local.people.roles import Role

VIEWER, SENDER, ADMINISTRATOR = Role.VIEWER, Role.SENDER, Role.ADMINISTRATOR
ADDRESSES: tuple[tuple[str, str, ApiHandler, Role], ...] = (
    ("GET", "/rest/version", api_stores.version, VIEWER),
    ("GET", "/rest/action_run", api_runs.list_action_runs, VIEWER),
    ("POST", "/rest/action_run", api_runs.begin, SENDER),
    ("GET", "/rest/action_run/{id}", api_runs.show_action_run, VIEWER),
    ("POST", "/rest/action_run/{id}", api_runs.cancel, SENDER),
    ("GET", "/rest/action_run/{id}/app_runs", api_runs.app_runs_of, VIEWER),
    ("GET", "/rest/action_run/{id}/events", api_runs.events, VIEWER),
    ("GET", "/rest/app_run", api_runs.list_app_runs, VIEWER),
    ("GET", "/rest/app_run/{id}", api_runs.show_app_run, VIEWER),
    ("GET", "/rest/asset", api_stores.list_assets, VIEWER),
    ("POST", "/rest/asset", api_stores.add_asset, ADMINISTRATOR),
    ("GET", "/rest/asset/{id}", api_stores.show_asset, VIEWER),
    ("POST", "/rest/asset/{id}", api_stores.change_asset, ADMINISTRATOR),
    ("DELETE", "/rest/asset/{id}", api_stores.remove_asset, ADMINISTRATOR),
    ("GET", "/rest/container_attachment", api_stores.list_files, VIEWER),
    ("POST", "/rest/container_attachment", api_stores.add_file, SENDER),
    ("POST", "/rest/preview", api_runs.preview, SENDER),
)


def api_routes(console: Console) -> list[BaseRoute]:
    """All of it, and its description, which is for everybody: nothing of what is stored is in it."""

    def openapi(_request: Request) -> Response:
        return JSONResponse(document(console.manifest, console.address.url))

    return [
        Route("/openapi.json", openapi, methods=["GET"]),
        *(api_route(console, *address) for address in ADDRESSES),
    ]
