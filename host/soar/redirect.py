"""Where a browser that signs in comes back to on the platform, and the wait for it.

The other half, in another process, is `smtp_redirect_handler`.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Self
from urllib.parse import quote, urlsplit

from actions.contract import HostError
from host.braces import double_braces
from smtp.loopback import is_loopback
from smtp_redirect_handler import Handover

TIMEOUT = 30.0
"""Seconds for the platform to answer what its own app asks it."""
MAX_ANSWER = 1024 * 1024
_POLL = 0.5
_TELL_EVERY = 20.0


class PlatformRedirect:
    """`contract.Redirect` for a sign-in with this `state`, which can be answered for `seconds`. Raises `HostError`."""

    def __init__(self, connector: Any, asset_id: str, state: str, seconds: float) -> None:
        self._connector = connector
        self._state = state
        self._seconds = seconds
        try:
            self._handover = Handover(asset_id)
        except ValueError as error:
            raise HostError(f"Nobody can sign in for the asset {asset_id!r:.80}. {error}") from error
        self.uri = handler_url(connector, asset_id)

    def __enter__(self) -> Self:
        try:
            self._handover.expect(self._state, self._seconds)
        except OSError as error:
            raise HostError(f"The app's own folder can't be written to: {error.strerror}.") from error
        self._connector.save_progress(
            double_braces(f"The provider has to know this redirect URI: {self.uri}")
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._handover.end()

    def wait(self, cancelled: Callable[[], bool]) -> str | None:
        """The query that the browser came back with; None when time is up or somebody cancelled."""
        began = told = time.monotonic()
        pause = threading.Event()
        while (now := time.monotonic()) < began + self._seconds and not cancelled():
            query = self._handover.take()
            if query is not None:
                return query
            if now > told + _TELL_EVERY:
                told = now
                left = began + self._seconds - now
                self._connector.send_progress(
                    double_braces(f"Waiting for the sign-in, for {left:.0f} s yet.")
                )
            pause.wait(_POLL)
        return None


def handler_url(connector: Any, asset_id: str) -> str:
    """The address under which the platform calls the app's `rest_handler` for this asset. Raises `HostError`."""
    base_url = _ask(connector, "rest/system_info").get("base_url")
    if not isinstance(base_url, str) or not base_url:
        raise HostError(
            "The platform does not know its own address, which a browser has to come back to. "
            "Set the base URL in its company settings."
        )
    asset = _ask(connector, f"rest/asset/{quote(asset_id, safe='')}").get("name")
    if not isinstance(asset, str) or not asset:
        raise HostError(f"The platform does not know the asset {asset_id!r:.80}.")
    app = connector.get_app_json()
    folder = "".join(filter(str.isalnum, app["name"])).lower()
    return f"{base_url.rstrip('/')}/rest/handler/{folder}_{app['appid']}/{quote(asset, safe='')}"


def _ask(connector: Any, path: str) -> dict[str, Any]:
    """What the platform's REST interface says to its own machine. Proxies are for others."""
    url = f"{connector.get_phantom_base_url().rstrip('/')}/{path}"
    try:
        connection = _connection(url)
        try:
            connection.request("GET", urlsplit(url).path)
            response = connection.getresponse()
            octets = response.read(MAX_ANSWER)
        finally:
            connection.close()
        answer = json.loads(octets) if response.status == 200 else None
    except (OSError, HTTPException, ValueError) as error:
        raise HostError(f"The platform did not answer its app at {url} ({type(error).__name__}).") from error
    if not isinstance(answer, dict):
        raise HostError(f"The platform did not answer its app at {url} (HTTP {response.status}).")
    return answer


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return HTTPConnection(host, parts.port, timeout=TIMEOUT)
    context = ssl.create_default_context()
    if is_loopback(host):
        # What a machine says to itself crosses no network, and its certificate names the machine, not 127.0.0.1.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)
