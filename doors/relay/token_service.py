"""A destination's token service (RFC 6749), with what SAP's destinations can say about its requests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from requests.auth import HTTPBasicAuth

from auth.errors import AuthError, Step
from auth.oauth.answers import refusal
from auth.oauth.endpoints import require_https
from auth.oauth.token import Token, granted
from auth.oauth.web import BoundedSession, Limits
from host.local.inputs import InputError
from smtp.errors import Category

LIMITS = Limits(connect=15.0, total=30.0, ca_bundle="")
_BODY = "tokenService.body."
_HEADERS = "tokenServiceURL.headers."
_QUERIES = "tokenServiceURL.queries."


@dataclass(frozen=True, slots=True)
class TokenService:
    """Where a token is to be had, and how it is asked for. Secrets are left out of the `repr`."""

    url: str
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    in_body: bool = True
    """Whether client id and secret go into the body; else they are the login of the request."""
    scope: str = ""
    body: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    queries: Mapping[str, str] = field(default_factory=dict, repr=False)

    def request(self, grant: str, **values: str) -> Token:
        """Ask for a token. Raises `AuthError`, in which no secret is."""
        require_https(self.url, "The token service's address")
        form = {"grant_type": grant, **values}
        if self.scope:
            form["scope"] = self.scope
        login = (self.user, self.password) if self.user else None
        if self.in_body:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        elif login is None:
            login = (self.client_id, self.client_secret)
        form |= self.body
        asked_at = time.time()
        with BoundedSession() as session:
            session.use(LIMITS)
            response = session.post(
                self.url,
                data={name: value for name, value in form.items() if value},
                headers={"Accept": "application/json", **self.headers},
                params=dict(self.queries),
                # As UTF-8 (RFC 7617 section 2.1): of texts the library sends those in Latin-1 alone.
                auth=HTTPBasicAuth(*map(_octets, login)) if login is not None else None,
            )
        answer = response.json()
        if "error" in answer or response.status_code >= 400:
            shown = (":".join(login),) if login is not None else ()  # in base64 it is the request's login
            secrets = (self.client_secret, self.password, *shown, *values.values(), *self.body.values())
            raise refusal(answer, Step.TOKEN, (*secrets, *self.headers.values(), *self.queries.values()))
        return granted(
            answer, asked_at=asked_at, scopes=self.scope, refresh_token=values.get("refresh_token", "")
        )


def read_service(properties: Mapping[str, object], tenant: str) -> TokenService | None:
    """The service that a destination names; None for one that names none. Raises `InputError`."""

    def text(name: str) -> str:
        value = properties.get(name, "")
        if not isinstance(value, str):
            raise InputError(f"{name}: give a text.")
        return value.strip()

    url = text("tokenServiceURL")
    if not url:
        return None
    kind = text("tokenServiceURLType") or "Dedicated"
    if kind not in ("Dedicated", "Common"):
        raise InputError("tokenServiceURLType: give Dedicated or Common.")
    in_body = str(properties.get("tokenService.addClientCredentialsInBody", "true")).lower()
    if in_body not in ("true", "false"):
        raise InputError("tokenService.addClientCredentialsInBody: give true or false.")
    return TokenService(
        url=_for_tenant(url, tenant) if kind == "Common" else url,
        client_id=text("clientId"),
        client_secret=text("clientSecret"),
        user=text("tokenServiceUser"),
        password=text("tokenServicePassword"),
        in_body=in_body == "true",
        scope=text("scope"),
        body=_behind(_BODY, properties),
        headers=_behind(_HEADERS, properties),
        queries=_behind(_QUERIES, properties),
    )


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _for_tenant(url: str, tenant: str) -> str:
    """The URL of one tenant: `{tenant}` stands for it, or else it goes before the host."""
    if not tenant:
        raise InputError(
            "tokenServiceURLType is Common, so the tenant has to be known: name it in a Destination resource's "
            "annotation transparent-proxy.connectivity.api.sap/tenant-subdomains."
        )
    if "{tenant}" in url:
        return url.replace("{tenant}", tenant)
    scheme, separator, rest = url.partition("://")
    return f"{scheme}://{tenant}.{rest}" if separator else f"{tenant}.{url}"


def _behind(prefix: str, properties: Mapping[str, object]) -> dict[str, str]:
    return {
        name.removeprefix(prefix): str(value) for name, value in properties.items() if name.startswith(prefix)
    }


@dataclass(slots=True)
class GivenToken:
    """A token of the Destination service's; good until `ends` (seconds of `time.time`). `error`: it got none."""

    value: str = field(default="", repr=False)
    ends: float = 0.0
    error: str = ""

    @classmethod
    def read(cls, tokens: object) -> GivenToken | None:
        """The first of `authTokens`; None where there is none."""
        if not isinstance(tokens, list) or not tokens or not isinstance(tokens[0], Mapping):
            return None
        first = tokens[0]
        if error := first.get("error"):
            return cls(error=str(error))
        try:
            seconds = float(str(first.get("expires_in") or 0))
        except ValueError:
            seconds = 0.0
        return cls(str(first.get("value") or ""), time.time() + seconds)

    def raise_error(self) -> None:
        """Raises `AuthError` with what the Destination service said."""
        if self.error:
            raise AuthError(
                f"The Destination service could not get a token: {self.error}",
                step=Step.TOKEN,
                category=Category.CONFIGURATION,
                hint="Check the destination's token service and credentials.",
            )

    def is_good(self) -> bool:
        return bool(self.value) and time.time() < self.ends
