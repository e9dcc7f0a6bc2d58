"""The binding of SAP's Connectivity service: the proxy to on-premise systems, and the token that it wants."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auth.oauth.token import Token
from doors.relay.token_service import TokenService
from host.local import inputs
from host.local.inputs import InputError
from smtp.proxy.handshake import SOCKS5, Proxy

_REQUIRED = ("onpremise_proxy_host", "onpremise_socks5_proxy_port", "clientid", "clientsecret")


@dataclass(frozen=True, slots=True)
class Connectivity:
    """What the binding says. `zone` is the provider's own subdomain, which a tenant's takes the place of."""

    host: str
    port: int
    service: TokenService
    zone: str = ""

    @classmethod
    def read(cls, path: Path) -> Connectivity:
        """Raises `InputError`."""
        values = _credentials(inputs.json_object(path))
        missing = [name for name in _REQUIRED if not values.get(name)]
        url = str(values.get("token_service_url") or values.get("url") or "")
        missing += [] if url else ["url"]
        if missing:
            raise InputError(f"{path}: the binding lacks {', '.join(missing)}.")
        port = str(values["onpremise_socks5_proxy_port"])
        if not re.fullmatch(r"[0-9]{1,5}", port):
            raise InputError(f"{path}: onpremise_socks5_proxy_port is no port.")
        url = url.rstrip("/")
        service = TokenService(
            url if url.endswith("/oauth/token") else f"{url}/oauth/token",
            str(values["clientid"]),
            str(values["clientsecret"]),
        )
        return cls(
            str(values["onpremise_proxy_host"]), int(port), service, str(values.get("identityzone") or "")
        )

    def way(self, tenant: str, location: str) -> OnPremiseWay:
        """The way for one tenant, to the Cloud Connector with this location id."""
        service = self.service
        if tenant and self.zone:
            url = service.url.replace(f"://{self.zone}.", f"://{tenant}.", 1)
            service = TokenService(url, service.client_id, service.client_secret)
        return OnPremiseWay(self.host, self.port, service, location)


class OnPremiseWay:
    """Gives the proxy with a token that is good at this moment. For several threads."""

    def __init__(self, host: str, port: int, service: TokenService, location: str) -> None:
        self._host, self._port, self._location = host, port, location
        self._service = service
        self._token = Token()
        self._lock = threading.Lock()

    def find_proxy(self) -> Proxy:
        """Raises `AuthError`."""
        with self._lock:
            if not self._token.is_fresh(""):
                self._token = self._service.request("client_credentials")
            token = self._token.access_token
        return Proxy(SOCKS5, self._host, self._port, token=token, location=self._location)


def _credentials(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The binding's values, also from inside of what the platform has around them."""
    for outer in (document.get("credentials"), document.get("connectivity")):
        inner = outer[0] if isinstance(outer, list) and outer else outer
        if isinstance(inner, Mapping):
            return _credentials(inner)
    return document
