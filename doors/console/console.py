"""What the console's pages and its HTTP API work with: one object, made when it starts."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from delivery.pool import Pool
from doors.console.catcher import Catcher
from doors.console.limiter import Limiter
from doors.console.live import LiveRun, LiveRuns
from doors.console.openid import OpenId, OpenIdSettings
from doors.console.preview import Previews
from host.local.durable import Order, submit
from host.local.home import Home
from host.local.inputs import InputError, stored_asset
from host.local.people.approvals import Approvals
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role
from host.local.people.sessions import Sessions
from host.local.people.stories import Stories
from host.local.people.tokens import Tokens
from host.local.people.users import Users
from host.local.rows import Row
from host.local.run import Request, make_request
from host.manifest.model import Manifest
from smtp.loopback import is_loopback

LOCAL = Person("administrator on this machine", Role.ADMINISTRATOR)
"""Whoever came in by the link that only this machine's owner can see."""
_RECIPIENTS = ("to", "cc", "bcc")
_MOST_AUDITED = 20
"""Parameter sets of a run whose recipients are in its line of the audit."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the console is reached: `url` as a browser writes it, without a slash at its end.

    `hosts` are the names that a request may give as its Host (DNS rebinding: a foreign name that leads here is
    refused).
    """

    url: str
    hosts: frozenset[str]
    is_behind_proxy: bool = False

    @property
    def is_secure(self) -> bool:
        return self.url.startswith("https://")

    @property
    def is_of_this_machine(self) -> bool:
        """Whether only browsers of this machine reach it."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return self.cookie_named("session")

    def cookie_named(self, name: str) -> str:
        """A cookie's name. Cookies don't know ports: two consoles on this machine need two names."""
        return f"__Host-{name}" if self.is_secure else f"{name}-{urlsplit(self.url).port or 80}"


class OneTimeLink:
    """A secret that signs the first person in, once."""

    def __init__(self) -> None:
        self.code = secrets.token_urlsafe(32)
        self._lock = threading.Lock()
        self._is_used = False

    def take(self, code: str) -> bool:
        """Whether this is the code, and the first time that it is given."""
        if not hmac.compare_digest(code.encode(errors="replace"), self.code.encode()):
            return False
        with self._lock:
            taken, self._is_used = not self._is_used, True
        return taken


class Console:
    """Everything that is shared by the requests of one console. `catcher` is None where there is no inbox, `openid`
    where people sign in with passwords only."""

    def __init__(
        self,
        manifest: Manifest,
        home: Home,
        pool: Pool,
        address: Address,
        catcher: Catcher | None = None,
        openid: OpenIdSettings | None = None,
    ) -> None:
        self.manifest = manifest
        self.home = home
        self.pool = pool
        self.address = address
        self.catcher = catcher
        self.openid = OpenId(openid) if openid is not None else None
        self.link = OneTimeLink()
        self.limiter = Limiter()
        self.previews = Previews()
        database = PeopleDatabase(home.folder)
        self.users = Users(database)
        self.sessions = Sessions(database)
        self.tokens = Tokens(database)
        self.approvals = Approvals(database)
        self.audit = Audit(database)
        self.stories = Stories(database)

    @cached_property
    def live(self) -> LiveRuns:
        # Over plain http on this machine a run listens for the browser by itself: providers know its address, which is
        # that of the command line, too (RFC 8252 section 7.3).
        is_plain = self.address.is_of_this_machine and not self.address.is_secure
        return LiveRuns(self.home, self.pool, self.stories, "" if is_plain else self.address.url)

    def start(
        self,
        action: str,
        asset: str,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        container_id: str,
        who: str,
    ) -> LiveRun:
        """Begin a run, with its line in the audit. Raises what `request` does, and `StoreError`: nothing was sent."""
        sets = [dict(parameters)] if isinstance(parameters, Mapping) else [dict(one) for one in parameters]
        return self.start_request(self.request(action, asset, sets, container_id), who)

    def start_request(self, request: Request, who: str) -> LiveRun:
        """Begin a run of what was checked."""
        live = self.live.start(request)
        self._note(request, f"run of {request.action.name}", live.number, who)
        return live

    def _note(self, request: Request, what: str, number: int, who: str) -> None:
        """A run's line in the audit."""
        recipients = [
            {name: one[name] for name in _RECIPIENTS if one.get(name)}
            for one in request.parameters[:_MOST_AUDITED]
        ]
        self.audit.write(
            who,
            what,
            f"run {number}",
            asset=request.asset_name,
            sets=len(request.parameters),
            recipients=recipients,
        )

    def submit(self, request: Request, who: str) -> int:
        """Take a durable run down, whole or not at all, for the worker; its number.

        Raises `InputError`, `StoreError`.
        """
        order = Order(request.action, request.asset_name, request.container_id, all_or_nothing=True)
        rows = [Row(line, one) for line, one in enumerate(request.parameters, 1)]
        submitted = submit(order, rows, self.home)
        if submitted.run_id is None:
            first = submitted.refused[0]
            raise InputError(f"parameters, set {first.line}: {first.message}")
        self._note(request, f"durable run of {request.action.name}", submitted.run_id, who)
        return submitted.run_id

    def request(
        self, action: str, asset: str, parameters: Sequence[Mapping[str, Any]], container_id: str = ""
    ) -> Request:
        """What is to be run, checked. Raises `UnknownAction`, `StoreError`, `InputError`."""
        if not asset:
            raise InputError("Choose an asset first.")
        return make_request(
            self.manifest.action(action),
            stored_asset(asset, self.home),
            parameters,
            container_id,
            self.manifest,
        )
