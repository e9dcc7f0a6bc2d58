"""What a provider's URLs may be, whose they are, and what its mail service wants to be asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

from auth.errors import AuthError, Step
from auth.settings import Login
from smtp.errors import Category
from smtp.loopback import is_loopback
from smtp.text import showable

# Every cloud of Microsoft's, with the names that they had before.
_MICROSOFT = frozenset(
    (
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
        "login.microsoftonline.us",
        "login-us.microsoftonline.com",
        "login.usgovcloudapi.net",
        "login.partner.microsoftonline.cn",
        "partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "login.microsoftonline.de",
    )
)
_GOOGLE = frozenset(("accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com"))

# Where the mail of a cloud is, by the end of its host names: for a person, and for an application.
_MICROSOFT_MAIL = (
    (".cn", "https://partner.outlook.cn", "https://partner.outlook.cn"),
    (".us", "https://outlook.office365.us", "https://outlook.office365.us"),
    ("", "https://outlook.office.com", "https://outlook.office365.com"),
)
_GOOGLE_MAIL = "https://mail.google.com/"
_GOOGLE_DEVICE = "https://oauth2.googleapis.com/device/code"


METADATA = "169.254.169.254"
"""Where a machine in Azure asks for its own identity: never further than the machine it runs on."""


def is_metadata(url: str) -> bool:
    """Whether `url` is of the machine's own metadata service, which speaks no TLS."""
    return url.startswith(f"http://{METADATA}/")


def is_microsoft(url: str) -> bool:
    """Whether `url` belongs to one of Microsoft's clouds, and so to MSAL."""
    return _host(url) in _MICROSOFT


def is_google(url: str) -> bool:
    return _host(url) in _GOOGLE


def scopes_of(login: Login) -> str:
    """Return the scopes to ask for, separated by single spaces."""
    return " ".join(login.scopes.split()) or default_scopes(login)


def default_scopes(login: Login) -> str:
    """What to ask for when the asset's `scopes` is empty."""
    if is_microsoft(login.token_url):
        host = _host(login.token_url) or ""
        person, application = next(mail for end, *mail in _MICROSOFT_MAIL if host.endswith(end))
        return f"{application}/.default" if login.is_application else f"{person}/SMTP.Send offline_access"
    return _GOOGLE_MAIL if is_google(login.token_url) or login.service_account_json else ""


def device_url_of(login: Login) -> str:
    """Return where a sign-in with a code is begun (RFC 8628 section 3.1). Raises `AuthError`."""
    url = login.device_url or (_GOOGLE_DEVICE if is_google(login.token_url) else "")
    if not url:
        raise _bad(
            "device_code needs one more field: device_url.",
            "Give the provider's device authorization endpoint.",
        )
    require_https(url, "device_url")
    return url


def require_https(url: str, what: str) -> None:
    """Raise `AuthError` unless `url` is https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or not url.isprintable() or parts.scheme not in ("http", "https"):
        raise _bad(f"{what} is not a URL: {showable(url)}.", "Give it as https://…")
    if parts.username is not None or parts.fragment:
        raise _bad(f"{what} can't have a user name or a fragment.", "Give it as https://host/path.")
    if parts.scheme == "http" and not is_loopback(host):
        raise _bad(
            f"{what} has to begin with https://: a token would cross the network in clear ({showable(url)}).",
            "Give the provider's https URL.",
        )


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _bad(text: str, hint: str) -> AuthError:
    return AuthError(text, step=Step.SETTINGS, category=Category.CONFIGURATION, hint=hint)
