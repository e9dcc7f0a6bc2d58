"""Signing in: by the one-time link, or with a name and a password; and out again."""

from __future__ import annotations

from starlette.responses import Response

from doors.console.console import LOCAL
from doors.console.visit import Visit, go, set_cookie
from host.local.people.roles import Person


def form(visit: Visit) -> Response:
    """GET /sign-in"""
    if visit.person is not None:
        return go(target(visit.query("to")))
    return _page(visit, 200, target(visit.query("to")), "")


def by_link(visit: Visit) -> Response:
    """GET /sign-in/link/CODE: what the command line has printed."""
    if not visit.console.link.take(str(visit.request.path_params["code"])):
        return visit.page(
            "error.html",
            403,
            text="This link was used already, or is of another start of the console. Start it again for a new one.",
        )
    return begun(visit, LOCAL, go("/"))


def by_password(visit: Visit) -> Response:
    """POST /sign-in"""
    name, password = visit.value("name"), "".join(visit.values.get("password", ())[:1])
    wait = visit.console.limiter.wait(name, visit.place)
    if wait > 0:
        return refused(visit, f"Too many failed sign-ins. Try again in {wait / 60:.0f} minutes.", 429)
    person = visit.console.users.check(name, password)
    if person is None:
        visit.console.limiter.failed(name, visit.place)
        visit.console.audit.write(name[:100] or "nobody", "sign-in refused")
        return refused(visit, "There is no user of that name with that password.", 403)
    visit.console.limiter.succeeded(name)
    return begun(visit, person, go(target(visit.value("to"))))


def out(visit: Visit) -> Response:
    """POST /sign-out"""
    if visit.session:
        visit.console.sessions.end(visit.session)
    response = go("/sign-in", "signed-out")
    set_cookie(visit.console, response, "")
    return response


def begun(visit: Visit, person: Person, response: Response) -> Response:
    """The response with a new session, whatever the browser held before."""
    if visit.session:
        visit.console.sessions.end(visit.session)
    visit.console.audit.write(person.name, "signed in")
    set_cookie(visit.console, response, visit.console.sessions.begin(person))
    return response


def refused(visit: Visit, error: str, status: int) -> Response:
    """The form again, and why."""
    return _page(visit, status, target(visit.value("to")), error)


def _page(visit: Visit, status: int, to: str, error: str) -> Response:
    users = visit.console.users.list()
    return visit.page(
        "sign_in.html",
        status,
        to=to,
        error=error,
        name=visit.value("name"),
        has_passwords=any(user.has_password for user in users),
        provider=visit.console.openid.name if visit.console.openid is not None else "",
        has_link=visit.console.address.is_of_this_machine,
    )


def target(path: str) -> str:
    """A page of ours, whatever was asked for."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"
