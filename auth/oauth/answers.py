"""What a provider's refusal means, and what to change (RFC 6749 sections 4.1.2.1 and 5.2, OpenID Connect)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from auth.errors import AuthError, Step
from smtp.errors import Category
from smtp.text import Concealer, showable

_CONSENT = "Sign in again by running test connectivity, and agree to what the provider asks."
_AGAIN = "Run test connectivity to sign in again (or put a new refresh_token into the asset)."

# error -> whose trouble it is, and what to do. All that isn't here is the provider's permanent refusal.
_ERRORS = MappingProxyType(
    {
        "invalid_grant": (Category.AUTHENTICATION, _AGAIN),
        "invalid_client": (
            Category.CONFIGURATION,
            "Check client_id and what proves it: client_secret, or oauth_certificate or federated_token_file, as it is "
            "registered with the provider.",
        ),
        "unauthorized_client": (
            Category.CONFIGURATION,
            "The provider does not let this client_id sign in this way: check its registration.",
        ),
        "invalid_target": (
            Category.CONFIGURATION,
            "The provider gives no token for what scopes asks for: check scopes of the asset.",
        ),
        "invalid_scope": (Category.CONFIGURATION, "Check scopes of the asset."),
        "unsupported_grant_type": (
            Category.CONFIGURATION,
            "The provider does not know this kind of sign-in: check token_url, and which of auth_url, device_code, "
            "refresh_token and client_secret are filled in.",
        ),
        "invalid_request": (
            Category.CONFIGURATION,
            "Check auth_url, token_url, client_id and scopes of the asset.",
        ),
        "redirect_uri_mismatch": (
            Category.CONFIGURATION,
            "Register the redirect URI that the sign-in link names with the provider.",
        ),
        "access_denied": (Category.AUTHENTICATION, _CONSENT),
        "consent_required": (Category.AUTHENTICATION, _CONSENT),
        "interaction_required": (Category.AUTHENTICATION, _AGAIN),
        "login_required": (Category.AUTHENTICATION, _AGAIN),
        "expired_token": (Category.AUTHENTICATION, _AGAIN),
        "authorization_pending": (Category.AUTHENTICATION, _AGAIN),
        "temporarily_unavailable": (Category.TEMPORARY, "The provider is busy: try again later."),
        "server_error": (Category.TEMPORARY, "The provider has trouble of its own: try again later."),
        "slow_down": (Category.TEMPORARY, "Too many token requests: try again later."),
    }
)

_LONGEST = 10_000
"""Characters of a provider's text that are looked through; a few hundred are shown."""
# How every JSON Web Token begins (`{"`), and what it consists of.
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_.=-]{8,}")
# Microsoft says more in the number that its description begins with.
_AADSTS = re.compile(r"AADSTS(\d{4,8})\b")
_MICROSOFT = MappingProxyType(
    {
        "50011": "Register the redirect URI that the sign-in link names in the app registration.",
        "50020": "This account is not of the tenant in token_url: sign in with one that is, or invite it.",
        "50034": "The tenant in token_url does not know this account: check username and token_url.",
        "50057": "The account is disabled: have it enabled, or take another one.",
        "50076": "The tenant asks for multi-factor authentication: run test connectivity to sign in again.",
        "50079": "The account has to enrol for multi-factor authentication: sign in with it in a browser once.",
        "50105": "The account is not assigned to the application: have it assigned.",
        "50126": "The user name or password is wrong: check them by signing in with a browser.",
        "50158": "A policy of the tenant asks for one more step: run test connectivity to sign in again.",
        "50173": "The password was changed since the sign-in: run test connectivity to sign in again.",
        "53003": "A conditional access policy of the tenant blocks this sign-in: ask its administrator.",
        "65001": "Nobody has consented to the permission yet: an administrator grants it in the app registration.",
        "70008": "The code or refresh token has expired: run test connectivity to sign in again.",
        "70021": "No federated credential of the app registration fits this token: check its issuer and subject.",
        "70011": "The scope is not valid: use 'https://outlook.office.com/SMTP.Send offline_access'.",
        "70043": "A policy of the tenant ended the sign-in: run test connectivity to sign in again.",
        "90002": "The tenant in token_url does not exist: check token_url.",
        "700003": "The device that signed in is not known to the tenant any more: sign in with another one.",
        "700211": "No federated credential of the app registration has the issuer of this token: check it.",
        "700212": "No federated credential of the app registration has the audience of this token: check it.",
        "700213": "No federated credential of the app registration has the subject of this token: check it.",
        "700024": "The client's assertion is not valid now: check this machine's clock.",
        "700027": "The app registration does not know this certificate: add it there, or take the one that it has.",
        "700030": "The certificate can't be used for this application: take one that the app registration has.",
        "7000112": "The application is disabled in the tenant: have it enabled.",
        "7000229": "The tenant has no enterprise application for client_id: have an administrator consent to it.",
        "700016": "The tenant does not know client_id: check client_id and the tenant in token_url.",
        "700025": "The application is a public client: leave client_secret empty.",
        "700082": "The refresh token was not used for too long: run test connectivity to sign in again.",
        "900023": "The tenant in token_url is not valid: check token_url.",
        "1002012": "Without a user the scope is 'https://outlook.office365.com/.default'.",
        "7000215": "client_secret is wrong: take the secret's value, not its id.",
        "7000218": "Allow public client flows in the app registration, or, without device_code, fill in client_secret.",
        "7000222": "client_secret has expired: create a new one in the app registration.",
        "500011": "The tenant does not know the resource in scopes: check scopes.",
    }
)


def refusal(answer: Mapping[str, Any], step: Step, secrets: Iterable[str]) -> AuthError:
    """The error that `answer` reports, with nothing of `secrets` in it even if the provider repeats them."""
    concealer = Concealer(*secrets)
    error: Any = answer.get("error")
    told = answer.get("error_description")
    if isinstance(error, Mapping):  # Google's services say it in an object
        error, told = error.get("status") or error.get("code"), error.get("message")
    known = isinstance(error, str) and error in _ERRORS  # then it is the RFC's word, and no secret's
    code = error if known else _text(error, concealer) or "an error without a name"
    description = _text(told, concealer)
    category, hint = _ERRORS.get(
        code, (Category.PERMANENT, "See what the provider says, and its documentation.")
    )
    microsoft = _AADSTS.search(description)
    if microsoft:
        hint = _MICROSOFT.get(microsoft[1], hint)
    said = f"{code} ({description})" if description else code
    return AuthError(
        f"The provider refused the {step}: {said}.",
        step=step,
        category=category,
        retryable=category is Category.TEMPORARY,
        hint=hint,
        oauth_error=code,
    )


def _text(value: object, concealer: Concealer) -> str:
    """`value` as one line; providers put objects where the RFC has strings. No token is shown, whosever it is."""
    return (
        "" if value is None else showable(concealer.hide(_TOKEN.sub("…", str(value)[:_LONGEST]))).rstrip(".")
    )
