"""Which way to log in: the first whose fields are complete, or the one that `auth_type` forces. Decided once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth.errors import AuthError, Step
from auth.passwordless import Passwordless
from auth.settings import Login, Method, State
from smtp.errors import Category

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn

AUTOMATIC = "Automatic"


@dataclass(frozen=True, slots=True)
class Choice:
    """The method, and why the ones before it in the order were not taken: one line each."""

    method: Method
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """A method's completeness: `own` are the fields that only somebody who wants this method fills in."""

    name: str
    own: tuple[str, ...]
    missing: Callable[[Login], tuple[str, ...]]


def choose(login: Login, state: State | None = None, sign_in: SignIn | None = None) -> Choice:
    """The method for `settings`. OAuth keeps its tokens in `state`, or in this object's memory without one.

    With `sign_in`, OAuth may ask a person to sign in in a browser; without, it says that this is needed.
    Raises `AuthError` when the method that `auth_type` forces has not all it needs.
    """
    skipped: list[str] = []
    for way in _WAYS:
        if login.auth_type not in ("", AUTOMATIC, way.name):
            continue
        missing = way.missing(login)
        if not missing:
            return Choice(_made(way.name, login, state, sign_in), tuple(skipped))
        if login.auth_type == way.name:
            raise AuthError(
                f"Authentication type {way.name} needs more fields: {', '.join(missing)}.",
                step=Step.SETTINGS,
                category=Category.CONFIGURATION,
                hint=f"Fill in {', '.join(missing)}, or set auth_type to {AUTOMATIC}.",
            )
        if any(getattr(login, name) for name in way.own):
            skipped.append(f"{way.name} authentication is not used: {', '.join(missing)} not set.")
    raise AuthError(
        f"There is no authentication type {login.auth_type!r}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint=f"Choose {AUTOMATIC}, {', '.join(way.name for way in _WAYS)}.",
    )


def _made(name: str, login: Login, state: State | None, sign_in: SignIn | None) -> Method:
    """Each is loaded when it is chosen: who signs in with a password does not pay for OAuth."""
    if name == Passwordless.name:
        return Passwordless(login)
    if name == "Basic":
        from auth.basic import Basic

        return Basic(login)
    from auth.oauth.method import OAuth

    return OAuth(login, state, sign_in)


def _missing_for_oauth(login: Login) -> tuple[str, ...]:
    missing = _empty(login, "username", "client_id", "token_url")
    if not (login.auth_url or login.refresh_token or login.client_secret):
        missing += ("one of auth_url, refresh_token and client_secret",)
    return missing


def _missing_for_basic(login: Login) -> tuple[str, ...]:
    return _empty(login, "username", "password")


def _empty(login: Login, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if not getattr(login, name))


_WAYS = (
    _Way(
        "OAuth",
        ("client_id", "client_secret", "auth_url", "token_url", "scopes", "refresh_token"),
        _missing_for_oauth,
    ),
    _Way("Basic", ("username", "password"), _missing_for_basic),
    _Way(Passwordless.name, (), lambda _: ()),
)
