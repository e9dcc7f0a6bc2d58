"""Pages of settings: users, tokens for programs, and the audit."""

from __future__ import annotations

from starlette.responses import Response

from doors.console.visit import FORESEEN, Visit, go, told
from host.local.inputs import InputError
from host.local.people.roles import Role
from host.local.people.tokens import DAYS


def index(visit: Visit) -> Response:
    """GET /settings"""
    return _page(visit)


def add_user(visit: Visit) -> Response:
    """POST /settings/users"""
    password = "".join(visit.values.get("password", ())[:1])
    try:
        if not password and visit.console.openid is None:
            raise InputError("A user needs a password.")
        user = visit.console.users.add(visit.value("name"), password, _role(visit))
    except FORESEEN as error:
        return _page(visit, error=told(error))
    visit.console.audit.write(visit.name, "user added", user.name, role=user.role.value)
    return go("/settings", "user-added")


def change_user(visit: Visit) -> Response:
    """POST /settings/users/ID: another role, and another password where one is given."""
    users, number = visit.console.users, visit.number("id")
    password = "".join(visit.values.get("password", ())[:1])
    try:
        user = users.get(number)
        users.change_role(number, _role(visit))
        if password:
            users.change_password(number, password)
    except FORESEEN as error:
        return _page(visit, error=told(error))
    changed = {"role": _role(visit).value, "password": "changed" if password else "as it was"}
    visit.console.audit.write(visit.name, "user changed", user.name, **changed)
    return go("/settings", "user-changed")


def remove_user(visit: Visit) -> Response:
    """POST /settings/users/ID/remove"""
    number = visit.number("id")
    try:
        user = visit.console.users.get(number)
        visit.console.users.remove(number)
    except FORESEEN as error:
        return _page(visit, error=told(error))
    visit.console.audit.write(visit.name, "user removed", user.name)
    return go("/settings", "user-removed")


def make_token(visit: Visit) -> Response:
    """POST /settings/tokens: the one page that ever shows it."""
    try:
        days = visit.value("days") or str(DAYS)
        if not (days.isascii() and days.isdigit()):
            raise InputError("Give the days that the token lives as a whole number.")
        text = visit.console.tokens.make(visit.value("name"), _role(visit), int(days[:9]))
    except FORESEEN as error:
        return _page(visit, error=told(error))
    visit.console.audit.write(visit.name, "token made", visit.value("name"), role=_role(visit).value)
    return _page(visit, new_token=text)


def remove_token(visit: Visit) -> Response:
    """POST /settings/tokens/ID/remove"""
    number = visit.number("id")
    visit.console.tokens.remove(number)
    visit.console.audit.write(visit.name, "token removed", str(number))
    return go("/settings", "token-removed")


def _role(visit: Visit) -> Role:
    try:
        return Role(visit.value("role"))
    except ValueError as error:
        raise InputError("Choose a role.") from error


def _page(visit: Visit, *, error: str = "", new_token: str = "") -> Response:
    console = visit.console
    return visit.page(
        "settings.html",
        400 if error else 200,
        users=console.users.list(),
        tokens=console.tokens.list(),
        audit=console.audit.list(),
        error=error,
        provider=console.openid.name if console.openid is not None else "",
        new_token=new_token,
        days=DAYS,
    )
