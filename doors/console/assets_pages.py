"""Pages of assets: the list, the form, and the test of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from auth.providers import profiles
from doors.console import forms
from doors.console.visit import NotThere, Visit, go
from host.local.assets import AssetChanged, StoredAsset
from host.local.files import StoreError
from host.local.inputs import GivenAsset, InputError
from host.local.run import read_asset
from host.manifest.validation import InvalidInput

HIDDEN = "a secret"


def index(visit: Visit) -> Response:
    """GET /assets"""
    home, shown = visit.console.home, []
    for entry in home.assets.list():
        config = home.assets.get(entry.name).config
        server, port = config.get("server", ""), config.get("port", "")
        shown.append(
            {
                "entry": entry,
                "server": f"{server}:{port}" if port not in ("", None) else server,
                "tls": config.get("ssl_config", "StartTLS"),
                "username": config.get("username", "") or config.get("sender_address", ""),
            }
        )
    return visit.page("assets.html", assets=shown)


def new(visit: Visit) -> Response:
    """GET /assets/new, with `address`: filled in by what is known of that mailbox's provider."""
    address = visit.query("address").strip()
    values: dict[str, Any] = {}
    profile = profiles.find(address) if address else None
    if profile is not None:
        values = profile.asset_fields(address)
    elif address:
        values = {"username": address}
    return _form(
        visit, "", address if profile is None else f"{profile.name}", values, address=address, profile=profile
    )


def edit(visit: Visit) -> Response:
    """GET /assets/ID"""
    stored = _stored(visit)
    return _form(visit, stored.id, stored.name, stored.config, stored=stored)


def save(visit: Visit) -> Response:
    """POST /assets/new and /assets/ID"""
    console = visit.console
    stored = _stored(visit) if "id" in visit.request.path_params else None
    name = visit.value("asset-name")
    config = forms.configuration(console.manifest, visit.values, stored.config if stored else {})
    try:
        read_asset(GivenAsset("", "", name or "that was filled in", config), console.manifest)
        if stored is None:
            asset_id = console.home.assets.add(name, config)
        else:
            asset_id, version = stored.id, visit.value("version")
            console.home.assets.change(asset_id, name, config, [version] if version else ())
    except (InputError, StoreError) as error:
        return _form(visit, stored.id if stored else "", name, config, error=error, stored=stored)
    console.audit.write(visit.name, "asset changed" if stored else "asset added", name)
    if visit.value("then") == "test":
        return test(visit, name)
    return go(f"/assets/{asset_id}", "asset-saved")


def test_stored(visit: Visit) -> Response:
    """POST /assets/ID/test"""
    return test(visit, _stored(visit).name)


def test(visit: Visit, name: str) -> Response:
    """Run test connectivity, and show it."""
    live = visit.console.start("test connectivity", name, {}, "", visit.name)
    return go(f"/runs/{live.number}")


def remove(visit: Visit) -> Response:
    """POST /assets/ID/remove"""
    stored = _stored(visit)
    asset_id = visit.console.home.assets.remove(stored.name)
    visit.console.home.state(asset_id).remove()
    visit.console.audit.write(visit.name, "asset removed", stored.name)
    return go("/assets", "asset-removed")


def _stored(visit: Visit) -> StoredAsset:
    try:
        return visit.console.home.assets.by_id(str(visit.number("id")))
    except StoreError as error:
        raise NotThere(str(error)) from error


def _form(
    visit: Visit,
    asset_id: str,
    name: str,
    values: Mapping[str, Any],
    *,
    error: Exception | None = None,
    stored: StoredAsset | None = None,
    address: str = "",
    profile: profiles.Profile | None = None,
) -> Response:
    cause = error.__cause__ if error is not None else None
    faults = {one.field: one.text for one in cause.faults} if isinstance(cause, InvalidInput) else {}
    saved = stored.config if stored is not None else {}
    changed, version = [], ""
    if stored is not None:
        version = stored.version if error is None else visit.value("version")
        if isinstance(error, AssetChanged):
            # Saved once more from this page, it goes over what is told here, and over nothing that comes later.
            version, changed = stored.version, forms.differences(visit.console.manifest, saved, values)
            if name != stored.name:
                changed.insert(0, ("Name", stored.name, name))
    status = 409 if isinstance(error, AssetChanged) else 400
    return visit.page(
        "asset.html",
        200 if error is None else status,
        asset_id=asset_id,
        name=name,
        asset_version=version,
        groups=forms.of_asset(visit.console.manifest, values, faults, saved),
        error=str(error) if error is not None else "",
        is_outdated=isinstance(error, AssetChanged),
        changed=changed,
        address=address,
        profile=profile,
    )
