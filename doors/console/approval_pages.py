"""Pages where a person agrees, or not, to what an agent wants to be sent."""

from __future__ import annotations

from starlette.responses import Response

from doors.console.preview import compose
from doors.console.visit import NotThere, Visit, go


def index(visit: Visit) -> Response:
    """GET /approvals, with `code`: the mail that it belongs to."""
    code = visit.query("code").strip().upper()
    if not code:
        return visit.page("approvals.html", code="", error="", wanted=None, preview=None, frame="")
    place = f"approval {visit.name}"
    if visit.console.limiter.wait(place, place) > 0:
        return visit.page(
            "error.html", 429, text="Too many codes that do not exist. Try again in a quarter of an hour."
        )
    wanted = visit.console.approvals.look(code)
    if wanted is None:
        visit.console.limiter.failed(place, place)
        error = "There is no request with this code: it was used, took too long, or was never given."
        return visit.page("approvals.html", 404, code=code, error=error, wanted=None, preview=None, frame="")
    console = visit.console
    request = console.request(wanted.action, wanted.asset, [wanted.parameters])
    preview = compose(request, console.home, console.pool)
    return visit.page(
        "approvals.html",
        code=code,
        error="",
        wanted=wanted,
        preview=preview,
        frame=console.previews.keep(preview),
    )


def decide(visit: Visit) -> Response:
    """POST /approvals"""
    code, answer = visit.value("code"), visit.value("answer")
    approvals = visit.console.approvals
    wanted = approvals.look(code)
    done = wanted is not None and (approvals.approve(code) if answer == "yes" else approvals.refuse(code))
    if wanted is None or not done:
        raise NotThere("There is no request with this code any more.")
    visit.console.audit.write(
        visit.name,
        "agent's mail approved" if answer == "yes" else "agent's mail refused",
        wanted.asset,
        reason=wanted.reason,
        key=wanted.key,
        sha256=wanted.content,
    )
    return go("/approvals", "approved" if answer == "yes" else "refused")
