"""Which provider a login belongs to, and who the application is that logs in for itself."""

from __future__ import annotations

from auth.oauth.endpoints import is_microsoft, require_https
from auth.oauth.provider import Application, Provider
from auth.settings import Login


def application_of(login: Login) -> Application:
    """Return who gets the token of an application: a service account, the machine, or the provider's client.

    Raises `AuthError` for a setting that can't be used.
    """
    if login.service_account_json:
        from auth.oauth.service_account import ServiceAccount

        return ServiceAccount(login)
    if login.managed_identity:
        from auth.oauth.managed_identity import ManagedIdentity

        return ManagedIdentity(login)
    return provider_of(login)


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
