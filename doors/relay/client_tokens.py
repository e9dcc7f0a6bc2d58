"""Logins of clients that bring the token themselves: a refresh token, or an authorization code."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from auth.settings import Method
from delivery.asset import Asset
from doors.relay.destination import CODE, Destination, with_user
from doors.relay.methods import TokenMethod, of_code, of_refresh_token
from doors.relay.upstream import Upstream
from smtp.server.logins import ClientLogin

MOST = 100
"""Refresh tokens whose sessions are kept; the one that was not used for longest goes first."""


class ClientTokens:
    """Exchanges what clients bring for access tokens. For several threads at once."""

    def __init__(self, destination: Destination, make_upstream: Callable[[Asset, Method], Upstream]) -> None:
        self._destination = destination
        self._make_upstream = make_upstream
        self._kept: OrderedDict[str, tuple[TokenMethod, Upstream]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def are_good_for_once(self) -> bool:
        """Whether the way that `log_in` gives is the client's alone, to be closed when it goes."""
        return self._destination.authentication == CODE

    def log_in(self, login: ClientLogin) -> Upstream:
        """The way to the mail server for whoever brings this token. Raises `AuthError`."""
        if self.are_good_for_once:
            method, upstream = self._made(login)
            method.begin()
            return upstream
        key = hashlib.sha256(f"{login.name}\0{login.secret}".encode()).hexdigest()
        with self._lock:
            known = self._kept.get(key)
        method, upstream = known or self._made(login)
        method.begin()
        with self._lock:
            method, upstream = self._kept.setdefault(key, (method, upstream))
            self._kept.move_to_end(key)
            old = self._kept.popitem(last=False)[1] if len(self._kept) > MOST else None
        if old is not None:
            old[1].close()
        return upstream

    def sweep(self) -> None:
        for _, upstream in self._all():
            upstream.sweep()

    def close(self) -> None:
        for _, upstream in self._all():
            upstream.close()

    def _all(self) -> list[tuple[TokenMethod, Upstream]]:
        with self._lock:
            return list(self._kept.values())

    def _made(self, login: ClientLogin) -> tuple[TokenMethod, Upstream]:
        destination = self._destination
        asset = with_user(destination.asset, login.name)
        exchange = of_code if self.are_good_for_once else of_refresh_token
        fetch = exchange(destination.service, login.secret)
        method = TokenMethod(asset.username, asset.server, asset.port, fetch)
        return method, self._make_upstream(asset, method)
