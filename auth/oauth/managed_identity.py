"""A machine's own identity in Azure: the token comes from the machine's metadata endpoint, through MSAL."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msal  # type: ignore[import-untyped]  # no stubs
from msal.managed_identity import ManagedIdentityError  # type: ignore[import-untyped]  # no stubs

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.endpoints import scopes_of
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, limits_of
from auth.settings import Login
from smtp.errors import Category

SYSTEM_ASSIGNED = "true"
_ALL_PERMISSIONS = "/.default"
_HINT = (
    "managed_identity works on machines in Azure that have an identity: check that one is assigned to this machine, "
    "and that it may reach 169.254.169.254."
)


class ManagedIdentity:
    """The identity of the machine, or the user-assigned one whose client id the asset names."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._scopes = scopes_of(login) or "https://outlook.office365.com/.default"

    def get_application_token(self) -> Token:
        """Get a token for the identity. Raises `AuthError`."""
        asked_at = time.time()
        try:
            answer = self._ask()
            if "error" not in answer:
                return granted(answer, asked_at=asked_at, scopes=self._scopes)
        except AuthError as error:
            error.hint = _HINT
            raise
        refused = refusal(answer, Step.TOKEN, ())
        refused.hint = (
            "Check that the identity is assigned to this machine and has the permission SMTP.SendAsApp."
        )
        raise refused

    def _ask(self) -> Mapping[str, Any]:
        """What the endpoint said, an error included."""
        named = self._login.managed_identity
        if named == SYSTEM_ASSIGNED:
            identity = msal.SystemAssignedManagedIdentity()
        else:
            identity = msal.UserAssignedManagedIdentity(client_id=named)
        with BoundedSession() as session:
            session.use(limits_of(self._login))
            session.asks_this_machine = True
            session.trust_env = False  # what only this machine may ask is nothing for a proxy
            client = msal.ManagedIdentityClient(identity, http_client=session)
            resource = self._scopes.split()[0].removesuffix(_ALL_PERMISSIONS)
            try:
                answer: Mapping[str, Any] = client.acquire_token_for_client(resource=resource)
            except (ManagedIdentityError, ValueError, KeyError, TypeError, OSError) as exc:
                # From MSAL itself: an answer of a strange shape, a machine of a kind that has no such identity.
                raise AuthError(
                    f"The machine's identity could not be asked for ({type(exc).__name__}).",
                    step=Step.TOKEN,
                    category=Category.CONFIGURATION,
                ) from None
            return answer
