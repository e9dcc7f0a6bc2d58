"""Pages of runs that were made: the history, one run with its steps and result, and mails of which nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from doors.console import again
from doors.console.console import Console
from doors.console.timeline import bars
from doors.console.visit import NotThere, Visit, go
from host.local import durable
from host.local.files import StoreError
from host.local.recorded_runs import MOST_UNKNOWN, RecordedRun, RunEntry

MOST_LISTED = 100
MAILS_ON_A_PAGE = 100


def index(visit: Visit) -> Response:
    """GET /runs, with filters in the address, and `before` a run for the ones that are older."""
    runs = visit.console.home.runs
    wanted = {name: visit.query(name).strip() for name in ("state", "action", "asset")}
    before = visit.query("before")
    older = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else 0
    entries = runs.list(MOST_LISTED + 1, **wanted, before=older)
    shown = entries[:MOST_LISTED]
    return visit.page(
        "runs.html",
        runs=[(entry, state_of(entry)) for entry in shown],
        wanted=wanted,
        actions=[action.name for action in visit.console.manifest.actions],
        assets=runs.assets(),
        unknown=len(runs.unknown()),
        is_first=not older,
        older=urlencode({**wanted, "before": shown[-1].id}) if len(entries) > MOST_LISTED else "",
    )


def show(visit: Visit) -> Response:
    """GET /runs/N"""
    number = visit.number("id")
    after = visit.query("after")
    first = int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0
    recorded = _recorded(visit, number, first)
    live = visit.console.live.get(number)
    told = visit.console.live.told(number)
    is_running = recorded.entry.state == "running"
    results = recorded.result["result_data"][:MAILS_ON_A_PAGE]
    has_more = len(recorded.mails) > MAILS_ON_A_PAGE
    is_whole = not first and not has_more
    shown = [
        {
            "position": mail.position,
            "state": mail.state,
            "message": result["message"],
            "success": result["status"] == "success",
            "data": _data(result),
            "to": result["parameter"].get("to", ""),
            "open": again.open_recipients(result),
        }
        for mail, result in zip(recorded.mails[:MAILS_ON_A_PAGE], results, strict=True)
    ]
    given = (recorded.entry.action, recorded.entry.asset, recorded.parameters)
    return visit.page(
        "show_run.html",
        run=recorded.entry,
        state=state_of(recorded.entry),
        is_running=is_running,
        is_partly=any(one["state"] == "partly sent" for one in shown),
        is_ours=live is not None,
        progress=recorded.entry.progress,
        events=[event for event in told.get("events", ()) if event["kind"] == "progress"],
        bars=[] if is_running else bars(told.get("events", ()), recorded.result),
        transcripts=told.get("transcripts", ()),
        results=shown,
        links=_links(told.get("events", ())) if is_running else [],
        parameters=recorded.parameters[:MAILS_ON_A_PAGE],
        before=max(0, first - MAILS_ON_A_PAGE) if first else None,
        after=shown[-1]["position"] if has_more else None,
        copies=(
            ("Command line", again.as_command(*given)),
            ("Python", again.as_python(*given)),
            ("Playbook block", again.as_block(*given)),
        )
        if is_whole
        else (),
    )


def cancel(visit: Visit) -> Response:
    """POST /runs/N/cancel"""
    number = visit.number("id")
    if not stop(visit.console, number):
        raise NotThere(f"Run {number} is none of this console's, or has ended.")
    visit.console.audit.write(visit.name, "run stopped", f"run {number}")
    return go(f"/runs/{number}", "stopping")


def pause(visit: Visit) -> Response:
    """POST /runs/N/pause: a durable run waits until it is resumed."""
    number = visit.number("id")
    durable.pause(visit.console.home, number)
    visit.console.audit.write(visit.name, "run paused", f"run {number}")
    return go(f"/runs/{number}", "paused")


def resume(visit: Visit) -> Response:
    """POST /runs/N/resume"""
    number = visit.number("id")
    durable.resume(visit.console.home, number)
    visit.console.audit.write(visit.name, "run resumed", f"run {number}")
    return go(f"/runs/{number}", "resumed")


def stop(console: Console, number: int) -> bool:
    """Ask a run to stop, a direct one of this console's or a durable one; False where there is none to be stopped."""
    live = console.live.get(number)
    if live is not None:
        live.cancel()
        return True
    try:
        durable.cancel(console.home, number)
    except StoreError:
        return False
    return True


def unknown(visit: Visit) -> Response:
    """GET /runs/unknown: mails of which nobody knows what became of them."""
    shown = [
        {
            "run": one.run,
            "position": one.entry.position,
            "message_id": one.entry.message_id,
            "message": one.result["message"],
            "recipients": _recipients(one.result),
            "subject": one.result["parameter"].get("subject", ""),
        }
        for one in visit.console.home.runs.unknown_mails()
    ]
    return visit.page("unknown.html", mails=shown, most=MOST_UNKNOWN)


def resolve(visit: Visit) -> Response:
    """POST /runs/N/resolve: a person says what became of a mail."""
    number, position = visit.number("id"), visit.value("position")
    answer = visit.value("as")
    if answer not in ("sent", "send-again") or not position.isdecimal():
        raise NotThere("Say which mail, and whether it was sent.")
    resolved = visit.console.home.runs.resolve(number, int(position[:9]), was_sent=answer == "sent")
    visit.console.audit.write(visit.name, f"resolved as {answer}", f"run {number}, mail {position}")
    if resolved.state == "waiting":
        return go(f"/runs/{number}", "sent-again")  # a durable run's worker does that
    if answer == "send-again":
        return go(f"/run?from={number}&position={position}")
    return go("/runs/unknown", "resolved")


def state_of(entry: RunEntry) -> str:
    """One word for a list: running, success, failed, cut off; of a durable run also paused or cancelled."""
    return entry.state if entry.state != "ended" else entry.status


def _recipients(result: Mapping[str, Any]) -> list[str]:
    return [str(one["address"]) for one in _data(result).get("recipients", ())] or [
        str(result["parameter"].get("to", ""))
    ]


def _data(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the action says of its mail; empty where it says nothing."""
    data = result["data"]
    return data[0] if data and isinstance(data[0], Mapping) else {}


def _recorded(visit: Visit, number: int, after: int) -> RecordedRun:
    try:
        return visit.console.home.runs.get(number, after, MAILS_ON_A_PAGE + 1)
    except StoreError as error:
        raise NotThere(str(error)) from error


def _links(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Addresses that a person is asked to open while the run waits: of a code's two the one that has the code in it."""
    texts = [str(event["text"]).split() for event in events if event["kind"] == "progress"]
    found = [[word.rstrip(".,;") for word in text if word.startswith("https://")] for text in texts]
    return [links[-1] for links in found if links]
