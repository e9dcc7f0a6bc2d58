"""Which way to log in: the first whose fields are complete, or the one that `auth_type` forces. Decided once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from auth.errors import AuthError, Step
from auth.settings import LOGIN_AS_SENDER, Login, Method, State
from smtp.errors import Category

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn

Cancelled = Callable[[], bool]
AUTOMATIC = "Automatic"
_STARTS = (
    "auth_url",
    "device_code",
    "refresh_token",
    "client_secret",
    "oauth_certificate",
    "federated_token_file",
    "managed_identity",
)
"""What OAuth can begin with: a person, a token that somebody signed in for, or the application itself."""


def _never() -> bool:
    """Nobody wants to stop."""
    return False


class Choice(NamedTuple):
    """The method, and why the ones before it in the order were not taken: one line each."""

    method: Method
    skipped: tuple[str, ...]


class _Way(NamedTuple):
    """A way to log in. Who fills in any of the fields `own` wants it; `missing` names what it needs besides."""

    name: str
    own: tuple[str, ...]
    missing: Callable[[Login], tuple[str, ...]]
    make: Callable[[Login, State | None, SignIn | None, Cancelled], Method]


def choose(
    login: Login,
    state: State | None = None,
    sign_in: SignIn | None = None,
    is_cancelled: Cancelled = _never,
) -> Choice:
    """Return the method for `login`. OAuth keeps its tokens in `state`, or in this object's memory without one.

    With `sign_in`, OAuth may ask a person to sign in; without, it says that this is needed. `is_cancelled` is asked
    while a provider is waited for.
    Raises `AuthError` when the method that `auth_type` forces has not all it needs.
    """
    skipped: list[str] = []
    for way in _WAYS:
        if login.auth_type not in ("", AUTOMATIC, way.name):
            continue
        missing = way.missing(login)
        if not missing:
            _check_login_as(login, way.name)
            return Choice(way.make(login, state, sign_in, is_cancelled), tuple(skipped))
        if login.auth_type == way.name:
            raise AuthError(
                f"Authentication type {way.name} needs more fields: {', '.join(missing)}.",
                step=Step.SETTINGS,
                category=Category.CONFIGURATION,
                hint=f"Fill in {', '.join(missing)}, or set auth_type to {AUTOMATIC}.",
            )
        if login.given(way.own):
            skipped.append(f"{way.name} authentication is not used: {', '.join(missing)} not set.")
    raise AuthError(
        f"There is no authentication type {login.auth_type!r}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint=f"Choose {AUTOMATIC}, {', '.join(way.name for way in _WAYS)}.",
    )


def _check_login_as(login: Login, name: str) -> None:
    """Raise `AuthError` where a login that is one person's own would have to serve for every sender."""
    if login.login_as == LOGIN_AS_SENDER and not (name == "OAuth" and login.is_application):
        raise AuthError(
            "login_as is sender, and only an application can log in as somebody else.",
            step=Step.SETTINGS,
            category=Category.CONFIGURATION,
            hint=(
                "Fill in service_account_json, or OAuth with client_secret, oauth_certificate, federated_token_file "
                "or managed_identity and without auth_url, device_code and refresh_token; or set login_as to username."
            ),
        )


def _missing_for_oauth(login: Login) -> tuple[str, ...]:
    if login.service_account_json:
        return _empty(login, "username")  # it says for itself who and where
    missing = _empty(login, "username", "client_id", "token_url")
    if not login.given(_STARTS):
        missing += (f"one of {', '.join(_STARTS[:-1])} and {_STARTS[-1]}",)
    return missing


def _missing_for_basic(login: Login) -> tuple[str, ...]:
    return _empty(login, "username", "password")


def _missing_for_passwordless(login: Login) -> tuple[str, ...]:  # noqa: ARG001 - it needs nothing
    return ()


def _empty(login: Login, *names: str) -> tuple[str, ...]:
    return tuple([name for name in names if not getattr(login, name)])


# Each method is loaded when it is chosen: who logs in with a password does not pay for OAuth.


def _make_oauth(login: Login, state: State | None, sign_in: SignIn | None, is_cancelled: Cancelled) -> Method:
    from auth.oauth.method import OAuth

    return OAuth(login, state, sign_in, is_cancelled)


def _make_basic(login: Login, *_unused: object) -> Method:
    from auth.basic import Basic

    return Basic(login)


def _make_passwordless(login: Login, *_unused: object) -> Method:
    from auth.passwordless import Passwordless

    return Passwordless(login)


_WAYS = (
    _Way(
        "OAuth",
        ("client_id", "token_url", "scopes", "service_account_json", *_STARTS),
        _missing_for_oauth,
        _make_oauth,
    ),
    _Way("Basic", ("username", "password"), _missing_for_basic, _make_basic),
    _Way("Passwordless", (), _missing_for_passwordless, _make_passwordless),
)
