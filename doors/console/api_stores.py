"""The HTTP API's assets and files, and its version."""

from __future__ import annotations

import base64
import binascii
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from doors.console.api import Call, failed, in_json
from doors.console.api_lists import listed
from doors.console.visit import NotThere
from host.local import inputs
from host.local.assets import AssetChanged, StoredAsset, merged
from host.local.files import StoreError
from host.local.inputs import GivenAsset, InputError
from host.local.run import read_asset
from host.manifest.validation import unknown_fields

LONGEST_FILE_NAME = 255
_ETAG = re.compile(r'(?<!W/)"([^"]*)"')
"""Strong ones, which alone fit (RFC 9110, section 13.1.1)."""


def list_assets(call: Call) -> Mapping[str, Any]:
    """GET /rest/asset"""
    assets = call.console.home.assets
    items = [_asset(call, assets.get(entry.name)) for entry in assets.list()]
    return listed(items, ("id", "name", "create_time"), call.request.query_params)


def show_asset(call: Call) -> Response:
    """GET /rest/asset/ID, with its version as its ETag"""
    stored = _stored(call)
    return in_json(_asset(call, stored), headers={"ETag": f'"{stored.version}"'})


def add_asset(call: Call) -> Mapping[str, Any]:
    """POST /rest/asset"""
    given = call.object()
    name, config = _name(given), _configuration(given)
    _check(call, name, config)
    asset_id = call.console.home.assets.add(name, config)
    call.console.audit.write(call.person.name, "asset added", name)
    return {"success": True, "id": int(asset_id)}


def change_asset(call: Call) -> Mapping[str, Any] | Response:
    """POST /rest/asset/ID: fields that are not named stay, null takes one away; with If-Match only of that version."""
    stored, given = _stored(call), call.object()
    name = _name(given) if "name" in given else stored.name
    config = merged(stored.config, _configuration(given)) if "configuration" in given else stored.config
    _check(call, name, config)
    wanted = call.request.headers.get("if-match", "").strip()
    try:
        versions = _ETAG.findall(wanted) or [""] if wanted not in ("", "*") else ()
        call.console.home.assets.change(stored.id, name, config, versions)
    except AssetChanged as error:
        return failed(412, f"{error} Look at it again, and send its ETag as If-Match.")
    call.console.audit.write(call.person.name, "asset changed", name)
    return {"success": True, "id": int(stored.id)}


def remove_asset(call: Call) -> Mapping[str, Any]:
    """DELETE /rest/asset/ID"""
    stored = _stored(call)
    call.console.home.assets.remove(stored.name)
    call.console.home.state(stored.id).remove()
    call.console.audit.write(call.person.name, "asset removed", stored.name)
    return {"success": True}


def add_file(call: Call) -> Mapping[str, Any]:
    """POST /rest/container_attachment"""
    given = call.object()
    container = given.get("container_id", "")
    if isinstance(container, bool) or not isinstance(container, str | int):
        raise InputError("container_id: a number, or a text.")
    name, content = given.get("file_name"), given.get("file_content")
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_FILE_NAME:
        raise InputError(f"file_name: a text of 1 to {LONGEST_FILE_NAME} characters.")
    if not isinstance(content, str):
        raise InputError("file_content: the file in base64.")
    try:
        octets = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("file_content is not base64.") from error
    vault, container_id = call.console.home.vault, inputs.container_id(str(container))
    with tempfile.TemporaryDirectory(prefix="smtp-connector-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(octets)
        file = vault.add(path, container_id, name)
    call.console.audit.write(call.person.name, "file added", file.vault_id, name=file.name, size=file.size)
    return {
        "vault_id": file.vault_id,
        "hash": file.vault_id,
        "id": len(vault.list()),
        "succeeded": True,
        "success": True,
        "size": file.size,
    }


def list_files(call: Call) -> Mapping[str, Any]:
    """GET /rest/container_attachment"""
    records = call.console.home.vault.list()
    items = [
        {
            "id": len(records) - place,
            "name": record.name,
            "container": record.container_id,
            "vault_document__hash": record.vault_id,
            "vault_id": record.vault_id,
            "hash": record.vault_id,
            "size": record.size,
            "mime_type": record.mime_type,
            "create_time": record.create_time,
        }
        for place, record in enumerate(records)
    ]
    fields = ("id", "name", "container", "vault_document__hash", "vault_id", "hash", "size", "create_time")
    return listed(items, fields, call.request.query_params)


def version(call: Call) -> Mapping[str, Any]:
    """GET /rest/version"""
    return {"version": call.console.manifest.version}


def _asset(call: Call, stored: StoredAsset) -> dict[str, Any]:
    """An asset without its secrets, and without what might be one under a misspelt name."""
    declared = call.console.manifest.configuration
    shown = {
        name: value
        for name, value in stored.config.items()
        if name in declared and not declared[name].is_secret
    }
    return {
        "id": int(stored.id),
        "name": stored.name,
        "configuration": shown,
        "create_time": stored.create_time,
    }


def _stored(call: Call) -> StoredAsset:
    try:
        return call.console.home.assets.by_id(str(call.number()))
    except StoreError as error:
        raise NotThere(str(error)) from error


def _name(given: Mapping[str, Any]) -> str:
    if not isinstance(given.get("name"), str):
        raise InputError("name: missing, or no text.")
    return str(given["name"])


def _configuration(given: Mapping[str, Any]) -> dict[str, Any]:
    config = given.get("configuration")
    if not isinstance(config, dict):
        raise InputError("configuration: give an object of asset fields.")
    try:
        json.dumps(config, allow_nan=False).encode()
    except (ValueError, UnicodeError) as error:
        raise InputError("configuration: it can't be written as JSON.") from error
    return config


def _check(call: Call, name: str, config: Mapping[str, Any]) -> None:
    """Raises `InputError` with everything that is wrong, a field that does not exist included."""
    manifest = call.console.manifest
    read_asset(GivenAsset("", "", name, config), manifest)
    unknown = unknown_fields(config, manifest)
    if unknown:
        raise InputError(" ".join(unknown).replace("Ignored in the asset: ", "configuration: "))
