"""Pages of the vault: what can be attached."""

from __future__ import annotations

from starlette.responses import FileResponse, JSONResponse, Response

from actions.contract import VaultError
from doors.console.run_pages import upload
from doors.console.visit import NotThere, Visit, go
from host.local import inputs
from host.local.inputs import InputError

PLAIN = "application/octet-stream"


def index(visit: Visit) -> Response:
    """GET /vault"""
    return visit.page("vault.html", records=visit.console.home.vault.list())


def add(visit: Visit) -> Response:
    """POST /vault: files that were chosen, or dropped on the page, whose script wants JSON."""
    container = inputs.container_id(visit.value("container"))
    files = visit.files.get("file", ())
    if not files:
        raise InputError("Choose a file first.")
    added = [upload(visit, file, container) for file in files]
    if "application/json" in visit.request.headers.get("accept", ""):
        return JSONResponse(
            [{"vault_id": file.vault_id, "name": file.name, "size": file.size} for file in added]
        )
    return go("/vault", "file-added")


def download(visit: Visit) -> Response:
    """GET /vault/ID: as a download, whatever it is."""
    vault_id = str(visit.request.path_params["vault_id"])
    try:
        file = visit.console.home.vault.find(vault_id)
    except VaultError as error:
        raise NotThere(str(error)) from error
    return FileResponse(file.path, media_type=PLAIN, filename=file.name)


def remove(visit: Visit) -> Response:
    """POST /vault/ID/remove"""
    vault_id = str(visit.request.path_params["vault_id"])
    removed = visit.console.home.vault.remove(vault_id)
    visit.console.audit.write(visit.name, "file removed", vault_id, name=removed[0].name)
    return go("/vault", "file-removed")
