"""Which provider a login belongs to."""

from __future__ import annotations

from auth.oauth.endpoints import is_microsoft, require_https
from auth.oauth.provider import Provider
from auth.settings import Login


def provider_of(login: Login) -> Provider:
    """Return the provider: Microsoft's clouds go through MSAL, all others through Authlib.

    Raises `AuthError` for a URL that can't be used.
    """
    require_https(login.token_url, "token_url")
    if login.auth_url:
        require_https(login.auth_url, "auth_url")
    if is_microsoft(login.token_url):
        from auth.oauth.microsoft import Microsoft

        return Microsoft(login)
    from auth.oauth.generic import Generic

    return Generic(login)
