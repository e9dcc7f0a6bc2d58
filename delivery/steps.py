"""The steps of getting to a server, as they are taken: what was found at each, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType

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


class Taken:
    """One step. `status` is passed, failed or skipped."""

    def __init__(self, step: str, status: str, detail: str, seconds: float) -> None:
        self.step = step
        self.status = status
        self.detail = detail
        self.seconds = seconds


class Steps:
    """The steps of one connection, and what its server was found to be. Times are of `time.monotonic`."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.tls: TlsState | None = None
        self.offers: tuple[str, ...] = ()
        self.since = time.monotonic()

    def reached(self, step: Step) -> None:
        """A session's step went well."""
        self.add(_CALLED[step], PASSED, "")

    def passed(self, name: str, detail: str) -> None:
        """A step went well, or went on with what is described now."""
        self.add(name, PASSED, detail)

    def describe(self, session: Session) -> None:
        """The server has said what it offers: now it is known what was found on the way."""
        self.tls, self.offers = session.tls, session.extensions.shown
        if session.peer != session.host:
            self._detail("name resolution", f"{session.host} is {session.peer}")
        self._detail("connection", f"connected to {session.peer}")
        if session.tls is not None:
            self._detail("TLS", f"{session.tls.version}, {session.tls.cipher}")
        self.passed("EHLO", f"the server offers {session.extensions or 'no extensions'}")

    def failed(self, error: MailError) -> None:
        """The step where `error` came up ends them."""
        self.add(_CALLED.get(error.step, str(error.step)), FAILED, str(error))

    def _detail(self, name: str, detail: str) -> None:
        for one in self.taken:
            if one.step == name:
                one.detail = detail

    def add(self, name: str, status: str, detail: str) -> None:
        """Add a step that took from the last one until now, or more to one that is there."""
        now = time.monotonic()
        seconds, self.since = now - self.since, now
        for one in self.taken:
            if one.step == name:
                one.seconds += seconds
                one.status, one.detail = status, detail or one.detail
                return
        self.taken.append(Taken(name, status, detail, seconds))
