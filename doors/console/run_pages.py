"""Pages of one run that is to be made: the form, its preview, and what sends it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response

from actions.contract import VaultFile
from doors.console import forms
from doors.console.again import filled_by_run, sample
from doors.console.guard import MAIL_POLICY
from doors.console.preview import NothingToShow, Preview, compose
from doors.console.visit import FORESEEN, NotThere, Visit, go, told
from host.local import inputs
from host.manifest.model import Action, UnknownAction
from host.manifest.validation import InvalidInput
from message.errors import MessageError

_PIECE = 1 << 20


def form(visit: Visit) -> Response:
    """GET /run, with `action`, `asset`, and what to fill in: `from` a run, or `sample`."""
    action = _action(visit, visit.query("action"))
    asset = visit.query("asset")
    values: Mapping[str, Any] = {}
    notes: tuple[str, ...] = ()
    if visit.query("from").isascii() and visit.query("from").isdigit():
        filled = filled_by_run(
            visit.console.home.runs,
            int(visit.query("from")[:12]),
            visit.query("position"),
            visit.query("only") == "open",
        )
        action, asset = _action(visit, filled.action), filled.asset
        values, notes = filled.values, filled.notes
    elif visit.query("sample"):
        values = sample(action, visit.console.home)
    return _page(visit, action, asset, values, notes=notes)


def submit(visit: Visit) -> Response:
    """POST /run: send it, or show what would be sent."""
    action, asset = _action(visit, visit.value("action")), visit.value("asset")
    container = visit.value("container")
    values: dict[str, Any] = {}
    try:
        inputs.container_id(container)
        _take_files_in(visit, action, container)
        values = forms.parameters(action, visit.values)
        faults = forms.faults_of_json(action.parameters, values)
        if faults:
            return _page(visit, action, asset, values, faults=faults, container=container)
        if visit.value("do") == "preview":
            preview = _composed(visit, action, asset, values, container)
            return _page(visit, action, asset, values, preview=preview, container=container)
        with suppress(NothingToShow):
            _composed(visit, action, asset, values, container)  # a mail's mistakes are told at their fields
        live = visit.console.start(action.name, asset, values, container, visit.name)
    except FORESEEN as error:
        return _page(visit, action, asset, values, error=error, container=container)
    return go(f"/runs/{live.number}")


def preview_part(visit: Visit) -> Response:
    """POST /run/preview: the preview alone, for the script that asks while somebody writes."""
    action, asset = _action(visit, visit.value("action")), visit.value("asset")
    values = forms.parameters(action, visit.values)
    faults = forms.faults_of_json(action.parameters, values)
    if faults:
        return visit.page("preview_part.html", error="; ".join(faults.values()), preview=None, frame="")
    try:
        preview = _composed(visit, action, asset, values, visit.value("container"))
    except FORESEEN as error:
        return visit.page("preview_part.html", error=told(error), preview=None, frame="")
    frame = visit.console.previews.keep(preview)
    return visit.page("preview_part.html", error="", preview=preview, frame=frame)


def preview_html(visit: Visit) -> Response:
    """GET /previews/NAME: the HTML of a preview, for a sandboxed frame."""
    preview = visit.console.previews.get(str(visit.request.path_params["name"]))
    if preview is None:
        raise NotThere("This preview is too old; make it again.")
    return framed(preview.view.html)


def framed(html: str) -> Response:
    """What a stranger wrote, with nothing that it could do or fetch."""
    return HTMLResponse(
        html, headers={"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    )


def upload(visit: Visit, file: UploadFile, container: str) -> VaultFile:
    """A file from a form into the vault, a piece at a time."""
    with tempfile.TemporaryDirectory(prefix="smtp-connector-") as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as copy:
            while piece := file.file.read(_PIECE):
                copy.write(piece)
        name = (file.filename or "file").replace("\\", "/").rpartition("/")[2]
        added = visit.console.home.vault.add(path, container, name or "file")
    visit.console.audit.write(visit.name, "file added", added.vault_id, name=added.name, size=added.size)
    return added


def _action(visit: Visit, name: str) -> Action:
    """The one that was asked for; by default the first that sends something."""
    actions = visit.console.manifest.actions
    if not name:
        return next((action for action in actions if action.parameters), actions[0])
    try:
        return visit.console.manifest.action(name)
    except UnknownAction as error:
        raise NotThere(str(error)) from error


def _composed(visit: Visit, action: Action, asset: str, values: Mapping[str, Any], container: str) -> Preview:
    """The mail as it would go out, which finds what is wrong with it. Raises `NothingToShow`."""
    console = visit.console
    request = console.request(action.name, asset, [dict(values)], container)
    return compose(request, console.home, console.pool)


def _take_files_in(visit: Visit, action: Action, container: str) -> None:
    """Uploaded files into the vault, and their ids into the fields that they were chosen for."""
    values = dict(visit.values)
    for name, declared in action.parameters.items():
        for file in visit.files.get(f"file-{name}", ()):
            vault_id = upload(visit, file, container).vault_id
            before = "".join(values.get(name, ())).strip()
            values[name] = [f"{before}, {vault_id}" if before and declared.allow_list else vault_id]
    visit.values = values


def _page(
    visit: Visit,
    action: Action,
    asset: str,
    values: Mapping[str, Any],
    *,
    error: Exception | None = None,
    faults: Mapping[str, str] | None = None,
    preview: Preview | None = None,
    container: str = "",
    notes: tuple[str, ...] = (),
) -> Response:
    console = visit.console
    of_fields = dict(faults or {})
    if isinstance(error, InvalidInput | MessageError):
        of_fields |= {one.field: one.text for one in error.faults if one.field in action.parameters}
    assets = [entry.name for entry in console.home.assets.list()]
    return visit.page(
        "run.html",
        400 if error is not None or faults else 200,
        action=action,
        actions=console.manifest.actions,
        assets=assets,
        asset=asset if asset else (assets[0] if len(assets) == 1 else ""),
        groups=forms.of_action(action, values, of_fields),
        files=_vault_files(visit),
        error=told(error) if error is not None else "",
        preview=preview,
        frame=console.previews.keep(preview) if preview is not None else "",
        container=container,
        notes=notes,
    )


def _vault_files(visit: Visit) -> list[Any]:
    """The latest files of the vault, each once."""
    latest: dict[str, Any] = {}
    for record in visit.console.home.vault.list():
        latest.setdefault(record.vault_id, record)
    return list(latest.values())[:200]
