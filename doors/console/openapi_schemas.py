"""What the API takes and answers, as JSON Schema: bodies made from the manifest, and answers in SOAR's shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from host.manifest.model import Action, Manifest
from host.manifest.schema import object_schema

Schema = dict[str, Any]

_TEXT: Mapping[str, Any] = {"type": "string"}
_WHOLE: Mapping[str, Any] = {"type": "integer", "minimum": 0}
_YES: Mapping[str, Any] = {"const": True}
_BASE64: Mapping[str, Any] = {"type": "string", "contentEncoding": "base64"}
_STATUS: Mapping[str, Any] = {"type": "string", "enum": ["pending", "running", "success", "failed"]}
_ASSET: Mapping[str, Any] = {"type": ["string", "integer"], "description": "Its name, or its id."}
_CONTAINER: Mapping[str, Any] = {"type": ["string", "integer"]}
_NAME: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 100}


def schemas(manifest: Manifest) -> Schema:
    """All of them, by the names that the addresses refer to."""
    return {
        **{_name_of(action): _parameters(action) for action in manifest.actions},
        **_things(),
        **_answers(),
        **_assets_asked_for(manifest),
        "FileRequest": _file_asked_for(),
        "Cancel": _object(cancel=_YES),
        "ActionRunRequest": {"oneOf": [_run_asked_for(action) for action in manifest.actions]},
        "PreviewRequest": {
            "oneOf": [_preview_asked_for(action) for action in manifest.actions if action.parameters]
        },
    }


def _things() -> Schema:
    """What can be looked up, and lists of it."""
    action_run = _object(
        id=_WHOLE, action=_TEXT, name=_TEXT, status=_STATUS, message=_TEXT, container=_TEXT, create_time=_TEXT,
        update_time=_TEXT, assets={"type": "array", "items": _TEXT},
    )  # fmt: skip
    app_run = _object(
        id=_WHOLE, action=_TEXT, action_run=_WHOLE, app=_WHOLE, app_name=_TEXT, app_version=_TEXT, asset=_TEXT,
        asset_name=_TEXT, container=_TEXT, status=_STATUS, message=_TEXT, start_time=_TEXT, end_time=_TEXT,
    )  # fmt: skip
    app_run["properties"] |= {"result_data": {"type": "array"}, "result_summary": {"type": "object"}}
    asset = _object(id=_WHOLE, name=_TEXT, create_time=_TEXT, configuration={"type": "object"})
    file = _object(
        id=_WHOLE, name=_TEXT, container=_TEXT, vault_document__hash=_TEXT, vault_id=_TEXT, hash=_TEXT, size=_WHOLE,
        mime_type=_TEXT, create_time=_TEXT,
    )  # fmt: skip
    things = {"ActionRun": action_run, "AppRun": app_run, "Asset": asset, "File": file}
    return {**things, **{f"{name}List": _list(name) for name in things}}


def _answers() -> Schema:
    """What is said of something that was done."""
    return {
        "Failed": _object(failed=_YES, message=_TEXT),
        "Done": _object(success=_YES),
        "Version": _object(version=_TEXT),
        "Begun": _object(action_run_id=_WHOLE, success=_YES),
        "Added": _object(id=_WHOLE, success=_YES),
        "FileAdded": _object(vault_id=_TEXT, hash=_TEXT, id=_WHOLE, succeeded=_YES, size=_WHOLE),
        "Preview": {"type": "object"},
        "Event": _with_options(_object(event=_TEXT, data=_TEXT), id=_TEXT),  # each of a stream, as it is read
    }


def _assets_asked_for(manifest: Manifest) -> Schema:
    """A new asset, which needs what the manifest requires, and changes of one, where null takes a field away."""
    config = object_schema(manifest.configuration)
    fields = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in config["properties"].items()}
    changes = {"type": "object", "properties": fields, "additionalProperties": False}
    return {
        "AssetRequest": _object(name=_NAME, configuration={**changes, "required": config["required"]}),
        "AssetChange": _with_options({"type": "object"}, name=_NAME, configuration=changes),
    }


def _file_asked_for() -> Schema:
    file = _object(file_name={"type": "string", "minLength": 1, "maxLength": 255}, file_content=_BASE64)
    return _with_options(file, container_id=_CONTAINER, metadata={"type": ["object", "string", "null"]})


def _run_asked_for(action: Action) -> Schema:
    sets = {"type": "array", "minItems": 1, "items": _reference(_name_of(action))}
    assets = {"type": "array", "minItems": 1, "maxItems": 100, "items": _ASSET}
    target = _with_options(_object(assets=assets), app_id={"type": ["integer", "string"]}, parameters=sets)
    request = _object(
        action={"const": action.name}, targets={"type": "array", "minItems": 1, "items": target}
    )
    return {
        "title": action.name,
        **_with_options(
            request,
            container_id=_CONTAINER,
            name={"type": "string", "maxLength": 200},
            durable={"type": "boolean", "description": "Outlives this console; sent by a worker."},
        ),
    }


def _preview_asked_for(action: Action) -> Schema:
    return _object(action={"const": action.name}, asset=_ASSET, parameters=_reference(_name_of(action)))


def _name_of(action: Action) -> str:
    return f"Parameters_{action.identifier}"


def _parameters(action: Action) -> Schema:
    schema = object_schema(action.parameters)
    del schema["$schema"]
    return {**schema, "description": f"Parameters of {action.name}: {action.description}."}


def _object(**properties: Any) -> Schema:
    """An object that has to have all of these."""
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _with_options(schema: Schema, **properties: Any) -> Schema:
    """The same, which may also have these."""
    return {**schema, "properties": {**schema.get("properties", {}), **properties}}


def _list(name: str) -> Schema:
    return _object(count=_WHOLE, num_pages=_WHOLE, data={"type": "array", "items": _reference(name)})


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
