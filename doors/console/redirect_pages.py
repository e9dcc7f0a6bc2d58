"""Where browsers go to sign in at a provider, and come back to: to the console itself, or for an asset.

The browser comes from another site, and so without the session's cookie (SameSite=Strict). What it holds instead is a
cookie of this one sign-in (SameSite=Lax), and it leaves with a page of ours, which leads on.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from doors.console.openid import LIFETIME, Identity, OpenId
from doors.console.sign_in import begun, refused, target
from doors.console.visit import NotThere, Visit, told
from host.local.inputs import InputError
from smtp.text import showable

OPENID = "/sign-in/openid"
OPENID_CALLBACK = "/sign-in/openid/callback"
_NO_REFERRER = {"Referrer-Policy": "no-referrer"}
"""The address of these pages holds the provider's code."""


def to_provider(visit: Visit) -> Response:
    """GET /sign-in/openid: to the provider that says who somebody is."""
    try:
        link, cookie = _openid(visit).begin(f"{_origin(visit)}{OPENID_CALLBACK}", target(visit.query("to")))
    except InputError as error:
        return refused(visit, told(error), 502)
    response = RedirectResponse(link, 303)
    _remember(visit, response, "openid", cookie)
    return response


def from_provider(visit: Visit) -> Response:
    """GET /sign-in/openid/callback: back from it."""
    cookie = visit.request.cookies.get(visit.console.address.cookie_named("openid"), "")
    try:
        identity, to = _openid(visit).finish(cookie, visit.request.url.query)
        response = _let_in(visit, identity, to)
    except InputError as error:
        response = refused(visit, told(error), 403)
    _remember(visit, response, "openid", "")
    response.headers.update(_NO_REFERRER)
    return response


def _let_in(visit: Visit, identity: Identity, to: str) -> Response:
    """A session for the user whom the provider knows by this identity. Raises `InputError` where there is none."""
    person = visit.console.users.of_identity(identity.issuer, identity.subject, identity.name)
    if person is None:
        name = showable(identity.name)
        visit.console.audit.write(name, "sign-in refused", identity.issuer)
        raise InputError(
            f"{name} is no user of this console. An administrator can add you by that name in Settings, without "
            "a password."
        )
    return begun(visit, person, visit.page("onward.html", text=f"You are {person.name}.", to=to, seconds=0))


def to_assets_provider(visit: Visit) -> Response:
    """GET /runs/N/sign-in: to the provider of the asset whose run waits for a sign-in."""
    number = visit.number("id")
    live = visit.console.live.get(number)
    waiting = live.sign_in if live is not None else None
    if waiting is None or not waiting.link:
        raise NotThere(f"Run {number} waits for no sign-in.")
    response = RedirectResponse(waiting.link, 303)
    _remember(visit, response, f"oauth-{number}", waiting.begin())
    return response


def from_assets_provider(visit: Visit) -> Response:
    """GET /oauth/callback: back from it."""
    query = visit.request.url.query
    waiting = visit.console.live.sign_in_of(query)
    name = f"oauth-{waiting.run}" if waiting is not None else ""
    cookie = visit.request.cookies.get(visit.console.address.cookie_named(name), "") if name else ""
    if waiting is None or not waiting.take(query, cookie):
        response = visit.page(
            "error.html",
            400,
            text="This sign-in was not begun in this browser, was used already, or took too long. Begin it again, on "
            "the page of the run.",
        )
    else:
        text = "The provider has answered. The run goes on; this page leads to it."
        response = visit.page("onward.html", text=text, to=f"/runs/{waiting.run}", seconds=1)
        _remember(visit, response, name, "")
    response.headers.update(_NO_REFERRER)
    return response


def _openid(visit: Visit) -> OpenId:
    if visit.console.openid is None:
        raise NotThere("There is nothing at this address.")
    return visit.console.openid


def _origin(visit: Visit) -> str:
    """The console's address as this browser writes it: cookies are for one name."""
    scheme = "https" if visit.console.address.is_secure else "http"
    return f"{scheme}://{visit.request.headers['host'].lower()}"


def _remember(visit: Visit, response: Response, name: str, cookie: str) -> None:
    """Let the browser hold what one sign-in needs; "" lets it forget."""
    response.set_cookie(
        visit.console.address.cookie_named(name),
        cookie,
        max_age=int(LIFETIME) if cookie else 0,
        path="/",
        secure=visit.console.address.is_secure,
        httponly=True,
        samesite="lax",
    )
