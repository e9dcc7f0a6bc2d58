"""What works today and will stop: dated warnings, from an asset's login and what is known of its secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from auth.errors import AuthError
from auth.settings import Login

SOON = 30
"""Days before its end from which a certificate or secret is warned about."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One warning. `day` is the one on which something stops, None where nobody has said; `source` who says so."""

    subject: str
    text: str
    day: date | None = None
    source: str = ""

    def days_left(self, today: date) -> int | None:
        return None if self.day is None else (self.day - today).days

    def as_dict(self, today: date) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "text": self.text,
            "date": self.day.isoformat() if self.day else "",
            "days_left": self.days_left(today),
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Secret:
    """Something of the asset's that ends: `field` names it, `expires` is its last day."""

    field: str
    expires: date

    def as_dict(self, today: date) -> dict[str, Any]:
        days = (self.expires - today).days
        return {"field": self.field, "expires": self.expires.isoformat(), "days_left": days}


MICROSOFT_PASSWORDS_END = date(2026, 12, 31)
"""From the end of December 2026 on, password logins are off by default for the tenants that there are."""
_MICROSOFT_SAYS = (
    "https://techcommunity.microsoft.com/blog/exchange/"
    "exchange-online-to-retire-basic-auth-for-client-submission-smtp-auth/4114750"
)
# The servers for submission of Microsoft's clouds.
_MICROSOFT_SERVERS = MappingProxyType(
    {
        "smtp.office365.com": "Microsoft 365",
        "smtp-legacy.office365.com": "Microsoft 365",
        "smtp.office365.us": "Microsoft 365 (US government)",
        "smtp.partner.outlook.cn": "Microsoft 365 (China)",
    }
)


def readiness(
    login: Login,
    method: str,
    today: date,
    secrets: Iterable[Secret] = (),
    *,
    can_renew: bool = True,
    token_ends: datetime | None = None,
) -> tuple[Notice, ...]:
    """Return what will stop, the earliest first.

    `method` is how the login took place (OAuth, Basic, Passwordless), `secrets` what is known to end. `can_renew` is
    false for a token of a person's that came without a refresh token; `token_ends` is when that token ends.
    """
    notices = [*_passwords(login, method, today), *_expiring(secrets, today)]
    if method == "OAuth" and login.asks_a_person and not can_renew:
        notices.append(_not_renewable(token_ends))
    return tuple(sorted(notices, key=lambda notice: notice.day or date.max))


def secrets_of(login: Login) -> tuple[Secret, ...]:
    """Return what the login's own certificate says about its end; nothing where there is none that can be read."""
    if not login.oauth_certificate:
        return ()
    from cryptography.x509 import load_pem_x509_certificate

    from auth.oauth.assertion import application_certificate

    try:
        own = application_certificate(login)
    except AuthError:
        return ()  # the login itself says what is wrong with it
    certificate = load_pem_x509_certificate(own.chain.encode("ascii"))
    return (Secret("oauth_certificate", certificate.not_valid_after_utc.date()),)


def _passwords(login: Login, method: str, today: date) -> Iterable[Notice]:
    name = _MICROSOFT_SERVERS.get(login.server.strip().strip(".").lower())
    if name is None or method != "Basic":
        return
    if today <= MICROSOFT_PASSWORDS_END:
        when = "At the end of December 2026"
        text = f"{when} {name} switches logins with a password off by default."
    else:
        text = f"{name} has switched logins with a password off by default since the end of December 2026."
    yield Notice(
        "password logins",
        f"{text} Log in with a certificate instead: docs/microsoft-2026.md (smtp-connector explain microsoft-2026).",
        MICROSOFT_PASSWORDS_END,
        _MICROSOFT_SAYS,
    )


def _expiring(secrets: Iterable[Secret], today: date) -> Iterable[Notice]:
    for secret in secrets:
        days = (secret.expires - today).days
        if days < 0:
            text = f"{secret.field} expired {_days(-days)} ago: replace it."
        elif days <= SOON:
            when = f"in {_days(days)}" if days else "today"
            text = f"{secret.field} expires {when}: replace it in time."
        else:
            continue
        yield Notice(secret.field, text, secret.expires)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _not_renewable(token_ends: datetime | None) -> Notice:
    text = (
        "The provider gave no refresh token: somebody has to sign in again when this one ends. Many give one for the "
        "scope offline_access."
    )
    return Notice("token", text, token_ends.astimezone(UTC).date() if token_ends else None)
