"""The steps on the way to a server, for whoever wants to see them one by one: `test connectivity`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from auth.errors import Step as LoginStep
from smtp.errors import MailError, Step
from smtp.session import Session
from smtp.tls import TlsState

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
TOKEN, TEST_MAIL, AUTHENTICATION = "token", "test mail", "authentication"
# What people call them, in their order; a session's own steps are finer.
_CALLED: Mapping[str, str] = MappingProxyType(
    {
        Step.NAME_RESOLUTION: "name resolution",
        Step.CONNECT: "connection",
        Step.BANNER: "connection",
        Step.STARTTLS: "TLS",
        Step.TLS: "TLS",
        Step.EHLO: "EHLO",
        Step.AUTH: AUTHENTICATION,
        LoginStep.SETTINGS: AUTHENTICATION,
        LoginStep.SIGN_IN: TOKEN,
        LoginStep.TOKEN: TOKEN,
    }
)


class Taken(NamedTuple):
    """One step on the way to a server. `status` is passed, failed or skipped."""

    step: str
    status: str
    detail: str
    seconds: float


class Steps:
    """The steps of the connection that was tried last, and what its server was found to be.

    Times are of `time.monotonic`.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another connection is tried."""
        self.taken: dict[str, Taken] = {}
        """By what people call them, in their order."""
        self.tls: TlsState | None = None
        self.offers: tuple[str, ...] = ()
        self._since = time.monotonic()

    def add(self, step: str, detail: str = "", status: str = PASSED) -> None:
        """Add a step that took from the last one until now, or more to one that is there."""
        name = _CALLED.get(step, str(step))
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        if before := self.taken.get(name):
            seconds, detail = seconds + before.seconds, detail or before.detail
        self.taken[name] = Taken(name, status, detail, seconds)

    def failed(self, error: MailError) -> None:
        """The connection ended at this step."""
        self.add(error.step, str(error), FAILED)

    def describe(self, session: Session) -> None:
        """The server has said what it offers: now it is known what was found on the way."""
        self.tls, self.offers = session.tls, session.extensions.shown
        found = {"connection": f"connected to {session.peer}"}
        if session.peer != session.host:
            found["name resolution"] = f"{session.host} is {session.peer}"
        if session.tls is not None:
            found["TLS"] = f"{session.tls.version}, {session.tls.cipher}"
        for name, detail in found.items():
            if name in self.taken:
                self.taken[name] = self.taken[name]._replace(detail=detail)
        self.add("EHLO", f"the server offers {session.extensions or 'no extensions'}")
