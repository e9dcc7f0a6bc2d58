"""Signing in: by the one-time link, or with a name and a password; and out again."""

from __future__ import annotations

from starlette.responses import Response

from doors.console.console import LOCAL
from doors.console.visit import Visit, go, set_cookie
from host.local.people.roles import Person


def form(visit: Visit) -> Response:
    """GET /sign-in"""
    if visit.person is not None:
        return go(_target(visit.query("to")))
    return visit.page(
        "sign_in.html",
        to=_target(visit.query("to")),
        error="",
        name="",
        has_users=bool(visit.console.users.list()),
    )


def by_link(visit: Visit) -> Response:
    """GET /sign-in/link/CODE: what the command line has printed."""
    if not visit.console.link.take(str(visit.request.path_params["code"])):
        return visit.page(
            "error.html",
            403,
            text="This link was used already, or is of another start of the console. Start it again for a new one.",
        )
    return begin(visit, LOCAL, "/")


def by_password(visit: Visit) -> Response:
    """POST /sign-in"""
    name, password = visit.value("name"), "".join(visit.values.get("password", ())[:1])
    place = visit.request.client.host if visit.request.client else ""
    wait = visit.console.limiter.wait(name, place)
    if wait > 0:
        return _refused(visit, f"Too many failed sign-ins. Try again in {wait / 60:.0f} minutes.", 429)
    person = visit.console.users.check(name, password)
    if person is None:
        visit.console.limiter.failed(name, place)
        visit.console.audit.write(name[:100] or "nobody", "sign-in refused")
        return _refused(visit, "There is no user of that name with that password.", 403)
    visit.console.limiter.succeeded(name)
    return begin(visit, person, _target(visit.value("to")))


def out(visit: Visit) -> Response:
    """POST /sign-out"""
    if visit.session:
        visit.console.sessions.end(visit.session)
    response = go("/sign-in", "signed-out")
    set_cookie(visit.console, response, "")
    return response


def begin(visit: Visit, person: Person, to: str) -> Response:
    """A new session, whatever the browser held before."""
    if visit.session:
        visit.console.sessions.end(visit.session)
    visit.console.audit.write(person.name, "signed in")
    response = go(to)
    set_cookie(visit.console, response, visit.console.sessions.begin(person))
    return response


def _refused(visit: Visit, error: str, status: int) -> Response:
    return visit.page(
        "sign_in.html",
        status,
        to=_target(visit.value("to")),
        error=error,
        name=visit.value("name"),
        has_users=True,
    )


def _target(path: str) -> str:
    """A page of ours, whatever was asked for."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"
