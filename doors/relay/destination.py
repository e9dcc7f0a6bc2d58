"""MAIL destinations, as SAP's cockpit exports them or the Destination service gives them: one becomes an asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auth.settings import Login
from delivery.asset import Asset
from doors.relay.properties import MailSettings, read_mail
from doors.relay.token_service import GivenToken, TokenService, read_service
from host.local.inputs import InputError

NONE, BASIC = "NoAuthentication", "BasicAuthentication"
APPLICATION = "OAuth2ClientCredentials"
REFRESH_TOKEN, CODE = "OAuth2RefreshToken", "OAuth2AuthorizationCode"
KINDS = (NONE, BASIC, APPLICATION, REFRESH_TOKEN, CODE)
BY_CLIENT = (REFRESH_TOKEN, CODE)
"""What the client has to bring a token for."""
_KNOWN = frozenset(
    {
        "Name",
        "Type",
        "Authentication",
        "ProxyType",
        "Description",
        "CloudConnectorLocationId",
        "tokenServiceURL",
        "tokenServiceURLType",
        "clientId",
        "clientSecret",
        "tokenServiceUser",
        "tokenServicePassword",
        "tokenService.addClientCredentialsInBody",
        "scope",
    }
)
_KNOWN_PREFIXES = ("mail.", "tokenService.body.", "tokenServiceURL.headers.", "tokenServiceURL.queries.")


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination for one tenant, "" for none. Secrets are left out of the `repr`."""

    name: str
    tenant: str
    authentication: str
    asset: Asset
    is_on_premise: bool = False
    location: str = ""
    service: TokenService | None = None
    given: GivenToken | None = None
    dsn_notify: str = ""
    dsn_ret: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def shown(self) -> str:
        """The destination, or destination-tenant."""
        return f"{self.name}-{self.tenant}" if self.tenant else self.name

    @property
    def asks_client(self) -> bool:
        """Whether a client has to bring a token before it may send."""
        return self.authentication in BY_CLIENT


def name_of(document: Mapping[str, object]) -> str:
    """The name of a destination; "" for a document that is none."""
    return str(_configuration(document).get("Name") or "")


def read(document: Mapping[str, object], tenant: str = "", *, allow_plaintext: bool = False) -> Destination:
    """The destination in this JSON object. Raises `InputError`, in which no secret is."""
    given = _configuration(document)
    name = str(given.get("Name") or "")
    if not name:
        raise InputError("a destination needs a Name.")
    if given.get("Type") != "MAIL":
        raise InputError(f"its Type is {str(given.get('Type'))!r:.40}, and only MAIL can be relayed.")
    authentication = str(given.get("Authentication") or (BASIC if given.get("mail.password") else NONE))
    if authentication not in KINDS:
        raise InputError(f"Authentication: {authentication!r:.60} is none of {', '.join(KINDS)}.")
    on_premise = _is_on_premise(given)
    mail = read_mail(given, may_log_in=authentication != NONE)
    has_login = authentication != NONE and mail.wants_login is not False
    password = str(mail.fields.get("password") or "")
    if has_login and authentication == BASIC and not (mail.user and password):
        raise InputError("BasicAuthentication needs mail.user and mail.password.")
    service = read_service(given, tenant)
    token = GivenToken.read(document.get("authTokens")) if has_login else None
    if has_login and authentication not in (BASIC, APPLICATION) and service is None:
        raise InputError(f"{authentication} needs tokenServiceURL.")
    if has_login and authentication == APPLICATION and service is None and token is None:
        raise InputError(f"{authentication} needs tokenServiceURL, or a token of the Destination service.")
    warnings = [*mail.warnings, *_without_meaning(given)]
    return Destination(
        name=name,
        tenant=tenant,
        authentication=authentication if has_login else NONE,
        asset=_asset(f"{name} {tenant}", mail, password if has_login else "", has_login, allow_plaintext),
        is_on_premise=on_premise,
        location=str(given.get("CloudConnectorLocationId") or ""),
        service=service,
        given=token,
        dsn_notify=mail.dsn_notify,
        dsn_ret=mail.dsn_ret,
        warnings=tuple(f"{name}: {warning}." for warning in warnings),
    )


def with_user(asset: Asset, username: str) -> Asset:
    """The asset for another user of the same server."""
    return asset._replace(login=asset.login._replace(username=username or asset.login.username))


def _asset(ident: str, mail: MailSettings, password: str, has_login: bool, allow_plaintext: bool) -> Asset:
    of_login = {"server", "port", "password", "connection_timeout", "read_timeout"}
    values = {key: value for key, value in mail.fields.items() if key in of_login - {"password"}}
    user = mail.user if has_login else ""
    login = Login(ident, username=user, password=password, **values)  # type: ignore[arg-type]  # read_mail's types
    others = {key: value for key, value in mail.fields.items() if key not in of_login}
    return Asset(
        login,
        mail.ssl_config,
        allow_plaintext_auth=allow_plaintext,
        **others,  # type: ignore[arg-type]  # the same
    )


def _configuration(document: Mapping[str, object]) -> Mapping[str, object]:
    """The properties themselves; the Destination service has them inside of its answer."""
    inner = document.get("destinationConfiguration")
    return inner if isinstance(inner, Mapping) else document


def _is_on_premise(given: Mapping[str, object]) -> bool:
    kind = str(given.get("ProxyType") or "Internet")
    if kind not in ("Internet", "OnPremise"):
        raise InputError(f"ProxyType: {kind!r:.40} is neither Internet nor OnPremise.")
    return kind == "OnPremise"


def _without_meaning(given: Mapping[str, object]) -> list[str]:
    return [
        f"{name} has no meaning here"
        for name in given
        if name not in _KNOWN and not name.startswith(_KNOWN_PREFIXES)
    ]
