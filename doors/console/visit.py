"""One request to a page: who it is, what was filled in, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from actions.contract import HostError, VaultError
from doors.console.console import Console
from doors.console.render import SAID, render
from host.local.inputs import InputError
from host.local.people.roles import ROLES, Person, Role
from host.local.people.sessions import Session
from host.manifest.model import UnknownAction
from smtp.errors import MailError

MOST_FILES = 50
MOST_FIELDS = 500
LARGEST_FIELD = 32 * 1024 * 1024
"""Octets of one field that is no file."""

FORESEEN = (InputError, UnknownAction, HostError, VaultError, MailError)
"""What is wrong with a call, or with the data folder: the message is for whoever called."""


class NotThere(Exception):
    """There is nothing at this address. The message says what isn't there."""


@dataclass(slots=True)
class Visit:
    """A request, prepared: `person` is None for somebody who has not signed in, `values` is what was filled in."""

    console: Console
    request: Request
    person: Person | None = None
    session: str = ""
    values: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, list[UploadFile]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Who it is, as the audit has it."""
        return self.person.name if self.person is not None else "nobody"

    def value(self, name: str) -> str:
        """What was filled in, or "", without spaces around it."""
        return "".join(self.values.get(name, ())[:1]).strip()

    def query(self, name: str) -> str:
        return self.request.query_params.get(name, "")

    @property
    def place(self) -> str:
        """The network address that the request came from; "" where a proxy does not say it.

        A proxy writes whom it has it from behind what others claimed before (X-Forwarded-For).
        """
        if self.console.address.is_behind_proxy:
            return self.request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return self.request.client.host if self.request.client else ""

    def number(self, name: str) -> int:
        """A number of the address. Raises `NotThere` for one that nothing can have."""
        text = str(self.request.path_params[name])
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise NotThere("There is nothing at this address.")
        return int(text)

    def may(self, role: Role) -> bool:
        return self.person is not None and self.person.role.covers(role)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, with what all of them show."""
        shared = {
            "person": self.person,
            "may_send": self.may(Role.SENDER),
            "may_change": self.may(Role.ADMINISTRATOR),
            "has_inbox": self.console.catcher is not None,
            "said": SAID.get(self.query("said"), ""),
            "path": self.request.url.path,
            "version": self.console.manifest.version,
            "roles": ROLES,
        }
        return HTMLResponse(render(template, **shared, **values), status)


def go(path: str, said: str = "") -> Response:
    """Send the browser to another page, which says what was done."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}said={quote(said)}" if said else path, 303)


Handler = Callable[[Visit], Response]


def route(console: Console, method: str, path: str, handler: Handler, role: Role | None) -> Route:
    """A page of the console. `role` None: nobody has to sign in for it."""

    async def endpoint(request: Request) -> Response:
        visit = Visit(console, request)
        session = await run_in_threadpool(_session, visit)
        response = await _answer(visit, handler, role)
        if session is not None and session.text != visit.session and "set-cookie" not in response.headers:
            set_cookie(console, response, session.text)
        return response

    return Route(path, endpoint, methods=[method])


async def _answer(visit: Visit, handler: Handler, role: Role | None) -> Response:
    if role is not None and visit.person is None:
        if visit.request.method not in ("GET", "HEAD"):
            return visit.page("error.html", 401, text="Sign in first; nothing was done.")
        target = visit.request.url.path
        return RedirectResponse(f"/sign-in?to={quote(target)}" if target != "/" else "/sign-in", 303)
    if role is not None and not visit.may(role):
        text = (
            f"That takes the role {role.value}; yours is {visit.person.role.value if visit.person else ''}."
        )
        return visit.page("error.html", 403, text=text)
    try:
        if visit.request.method == "POST":
            async with visit.request.form(
                max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD
            ) as form:
                visit.values, visit.files = _sorted_out(form.multi_items())
                return await run_in_threadpool(handler, visit)
        return await run_in_threadpool(handler, visit)
    except NotThere as error:
        return visit.page("error.html", 404, text=str(error))
    except FORESEEN as error:
        return visit.page("error.html", 400, text=told(error))
    except HTTPException as error:
        return visit.page("error.html", error.status_code, text=str(error.detail))


def told(error: Exception) -> str:
    """The error in words, with what to do about it."""
    hint = error.hint if isinstance(error, MailError) else ""
    return f"{error} {hint}".strip()


def set_cookie(console: Console, response: Response, text: str) -> None:
    """Let the browser hold the session; "" lets it forget."""
    response.set_cookie(
        console.address.cookie,
        text,
        max_age=None if text else 0,
        path="/",
        secure=console.address.is_secure,
        httponly=True,
        samesite="strict",
    )


def _session(visit: Visit) -> Session | None:
    text = visit.request.cookies.get(visit.console.address.cookie, "")
    session = visit.console.sessions.find(text) if text else None
    if session is not None:
        visit.person, visit.session = session.person, text
    return session


def _sorted_out(
    items: list[tuple[str, UploadFile | str]],
) -> tuple[dict[str, list[str]], dict[str, list[UploadFile]]]:
    values: dict[str, list[str]] = {}
    files: dict[str, list[UploadFile]] = {}
    for name, item in items:
        if isinstance(item, str):
            values.setdefault(name, []).append(item)
        elif item.filename:
            files.setdefault(name, []).append(item)
    return values, files
