"""Which way to log in: the first whose fields are complete, or the one that `auth_type` forces. Decided once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from auth.errors import AuthError, Step
from auth.settings import LOGIN_AS_SENDER, Login, Method, Progress, State
from smtp.errors import Category

if TYPE_CHECKING:
    from auth.oauth.sign_in import SignIn
    from smtp.sasl.credentials import Credentials

Cancelled = Callable[[], bool]
FindSignIn = Callable[[], "SignIn | None"]
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


class WithoutToken(NamedTuple):
    """Basic and Passwordless: what there is to log in with is known from the start, and there is nothing to renew."""

    name: str
    held: Credentials | None

    def get_credentials(self, progress: Progress) -> Credentials | None:  # noqa: ARG002 - nothing takes time here
        return self.held

    def renew(self, progress: Progress) -> bool:  # noqa: ARG002 - it does not get better
        return False


def _never() -> bool:
    """Nobody wants to stop."""
    return False


class Choice(NamedTuple):
    """The method, and why the ones before it in the order were not taken: one line each."""

    method: Method
    skipped: tuple[str, ...]


_WAYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "OAuth": ("client_id", "token_url", "scopes", "service_account_json", *_STARTS),
        "Basic": ("username", "password"),
        "Passwordless": (),
    }
)
"""The ways in their order, each with the fields of its own: who fills in any of them wants it."""


def _given(login: Login, names: Iterable[str]) -> list[str]:
    """Those of the fields of these names that were filled in."""
    return [name for name in names if getattr(login, name)]


def choose(
    login: Login,
    state: State | None = None,
    find_sign_in: FindSignIn | None = None,
    is_cancelled: Cancelled = _never,
) -> Choice:
    """Return the method for `login`. OAuth keeps its tokens in `state`, or in this object's memory without one.

    `find_sign_in` is asked, where a person has to sign in, for the way to ask one; without it, or where it finds none,
    OAuth says that a sign-in is needed. `is_cancelled` is asked while a provider is waited for.
    Raises `AuthError` when the method that `auth_type` forces has not all it needs.
    """
    skipped: list[str] = []
    for way, own in _WAYS.items():
        if login.auth_type not in ("", AUTOMATIC, way):
            continue
        missing = _missing(login, way)
        if not missing:
            if login.login_as == LOGIN_AS_SENDER:
                _check_login_as_sender(login, way)
            return Choice(_made(way, login, state, find_sign_in, is_cancelled), tuple(skipped))
        if login.auth_type == way:
            raise AuthError(
                f"Authentication type {way} needs more fields: {', '.join(missing)}.",
                step=Step.SETTINGS,
                category=Category.CONFIGURATION,
                hint=f"Fill in {', '.join(missing)}, or set auth_type to {AUTOMATIC}.",
            )
        if _given(login, own):
            skipped.append(f"{way} authentication is not used: {', '.join(missing)} not set.")
    raise AuthError(
        f"There is no authentication type {login.auth_type!r}.",
        step=Step.SETTINGS,
        category=Category.CONFIGURATION,
        hint=f"Choose {AUTOMATIC}, {', '.join(_WAYS)}.",
    )


def _missing(login: Login, way: str) -> tuple[str, ...]:
    """What this way to log in needs, and what is not filled in."""
    needed: tuple[str, ...] = ()
    if way == "Basic":
        needed = "username", "password"
    elif way == "OAuth" and login.service_account_json:
        needed = ("username",)  # the file says for itself who and where
    elif way == "OAuth":
        needed = "username", "client_id", "token_url"
    missing = tuple([name for name in needed if not getattr(login, name)])
    if way == "OAuth" and not login.service_account_json and not _given(login, _STARTS):
        missing += (f"one of {', '.join(_STARTS[:-1])} and {_STARTS[-1]}",)
    return missing


def _made(
    way: str, login: Login, state: State | None, find_sign_in: FindSignIn | None, is_cancelled: Cancelled
) -> Method:
    """What a way needs is loaded when it is chosen: who logs in with a password does not pay for OAuth."""
    if way == "OAuth":
        from auth.oauth.method import OAuth

        sign_in = find_sign_in() if find_sign_in is not None and login.asks_a_person else None
        return OAuth(login, state, sign_in, is_cancelled)
    if way == "Basic":
        from smtp.sasl.credentials import PasswordCredentials

        return WithoutToken(way, PasswordCredentials(login.username, login.password))
    if not login.has_client_certificate:  # the server knows us by our address
        return WithoutToken(way, None)
    from smtp.sasl.credentials import ExternalCredentials

    return WithoutToken(way, ExternalCredentials())


def _check_login_as_sender(login: Login, way: str) -> None:
    """Raise `AuthError` where a login that is one person's own would have to serve for every sender."""
    if not (way == "OAuth" and login.is_application):
        raise AuthError(
            "login_as is sender, and only an application can log in as somebody else.",
            step=Step.SETTINGS,
            category=Category.CONFIGURATION,
            hint=(
                "Fill in service_account_json, or OAuth with client_secret, oauth_certificate, federated_token_file "
                "or managed_identity and without auth_url, device_code and refresh_token; or set login_as to username."
            ),
        )
