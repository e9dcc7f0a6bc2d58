"""What is wrong with an account's settings, all of it at once: for one that can't be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auth.oauth.check import faults_of, together
from auth.settings import Login
from delivery.asset import Asset
from smtp.errors import MailError


def with_all_faults(
    asset: Asset, login: Login, first: MailError, checks: Iterable[Callable[[Asset], object]]
) -> MailError:
    """`first`, told together with whatever else the checks raise, or the login's settings are wrong in."""
    found = {first.text: first}
    for check in checks:
        try:
            check(asset)
        except MailError as error:
            found[error.text] = error
    if login.auth_type not in ("Basic", "Passwordless") and (login.client_id or login.service_account_json):
        is_told = any("ca_bundle" in text for text in found)
        found |= {
            error.text: error for error in faults_of(login._replace(ca_bundle="") if is_told else login)
        }
    return together(found.values()) if len(found) > 1 else first
