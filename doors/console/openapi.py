"""The API's own description (OpenAPI 3.1), made from the manifest: an action that is added there is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doors.console.openapi_schemas import Schema, schemas
from host.manifest.model import Manifest

_TEXT: Mapping[str, Any] = {"type": "string"}
_WHOLE: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_LIST_QUERY = [
    {"name": "page", "in": "query", "schema": {**_WHOLE, "maximum": 999_999_999}, "description": "From 0."},
    {
        "name": "page_size",
        "in": "query",
        "schema": {**_WHOLE, "maximum": 999_999_999},
        "description": "10 by default; 0: as many as there may be (1,000).",
    },
    {"name": "sort", "in": "query", "schema": _TEXT, "description": "A field of the items."},
    {"name": "order", "in": "query", "schema": {"type": "string", "enum": ["asc", "desc"]}},
]
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^"[0-9a-f]{32}"$'},
    "description": "The ETag of the asset that the change is of; of another one nothing is changed.",
}
_EXPENSIVE = {
    "name": "include_expensive",
    "in": "query",
    "schema": {"type": "boolean"},
    "description": "With result_data.",
}


def document(manifest: Manifest, url: str) -> Schema:
    """The whole of it."""
    return {
        "openapi": "3.1.0",
        "info": {"title": manifest.name, "version": manifest.version, "description": _ABOUT},
        "servers": [{"url": url}],
        "security": [{"token": []}, {"bearer": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "ph-auth-token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": schemas(manifest),
        },
    }


_ABOUT = (
    "Runs the connector's actions, in the shapes of Splunk SOAR's REST API. Lists take filters of the form "
    '`_filter_name="x"`, with `__contains`, `__icontains`, `__startswith`, `__iexact`, `__in`, `__lt`, `__lte`, '
    "`__gt` and `__gte` behind the field's name."
)


def _paths() -> Schema:
    lines = {
        "application/x-ndjson": {"schema": {"type": "string", "description": "A parameter set a line."}},
    }
    return {
        "/rest/version": {"get": _operation("Which version this is", "Version")},
        "/rest/action_run": {
            "get": _operation("Action runs, the latest first", "ActionRunList", _LIST_QUERY),
            "post": _operation(
                "Run an action over one asset or more",
                "Begun",
                [
                    {"name": "action", "in": "query", "schema": _TEXT, "description": "For JSON Lines."},
                    {"name": "asset", "in": "query", "schema": _TEXT, "description": "For JSON Lines."},
                ],
                body="ActionRunRequest",
                more=lines,
            ),
        },
        "/rest/action_run/{id}": {
            "get": _operation("One action run", "ActionRun", [_ID]),
            "post": _operation("Stop an action run", "Done", [_ID], body="Cancel"),
        },
        "/rest/action_run/{id}/app_runs": {
            "get": _operation("Its results, one for each asset", "AppRunList", [_ID, *_LIST_QUERY, _EXPENSIVE])
        },
        "/rest/action_run/{id}/events": {
            "get": _operation("What happens in it, as server-sent events", "Event", [_ID], kind="text/event-stream")
        },
        "/rest/app_run": {"get": _operation("Runs over one asset each", "AppRunList", _LIST_QUERY)},
        "/rest/app_run/{id}": {"get": _operation("One of them, with its results", "AppRun", [_ID])},
        "/rest/asset": {
            "get": _operation("Assets, without their secrets", "AssetList", _LIST_QUERY),
            "post": _operation("Add an asset", "Added", body="AssetRequest"),
        },
        "/rest/asset/{id}": {
            "get": _operation("One asset, without its secrets", "Asset", [_ID]),
            "post": _operation("Change it; null takes a field away", "Added", [_ID, _IF_MATCH], body="AssetChange"),
            "delete": _operation("Remove it", "Done", [_ID]),
        },
        "/rest/container_attachment": {
            "get": _operation("Files of the vault, the latest first", "FileList", _LIST_QUERY),
            "post": _operation("Add a file to the vault", "FileAdded", body="FileRequest"),
        },
        "/rest/preview": {
            "post": _operation("The mail that would be sent, with nothing connected", "Preview", body="PreviewRequest")
        },
    }  # fmt: skip


def _operation(
    summary: str,
    answer: str,
    parameters: list[Any] | None = None,
    *,
    body: str = "",
    more: Schema | None = None,
    kind: str = "application/json",
) -> Schema:
    told: Schema = {"$ref": f"#/components/schemas/{answer}"}
    operation: Schema = {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {
            "200": {"description": "So it is.", "content": {kind: {"schema": told}}},
            **{
                status: {
                    "description": text,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failed"}}},
                }
                for status, text in _FAULTS
            },
        },
    }
    if body:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}, **(more or {})}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


_FAULTS = (
    ("400", "The request is not right."),
    ("401", "There is no valid token."),
    ("403", "The token's role does not reach, or the request comes from another site."),
    ("404", "There is no such thing."),
    ("412", "It is not of the version any more that If-Match names."),
    ("413", "The body is too large."),
)
