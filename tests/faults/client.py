"""The program under test: it sends on the session that is there, else on a new one, as an action run does."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any

from smtp.errors import SmtpError
from smtp.options import Options, Timeouts
from smtp.outcome import Delivery, not_sent
from smtp.sasl.credentials import PasswordCredentials
from smtp.session import Session
from smtp.stream import Stream
from smtp.tls import TlsSettings, make_context
from tests.faults.messages import Message, Recorder, Window
from tests.support.authority import authority
from tests.support.scripted import ScriptedServer

PATIENCE = 10.0
"""Seconds that an answer may take where none is missing: much, because the machine may be busy."""
LOGIN = ("ann", "canary")


@dataclass(slots=True)
class Client:
    """Sends to one server. `window` learns what is written; `patience` holds for the first connection."""

    server: ScriptedServer
    window: Window
    patience: float = PATIENCE
    pause: float = 0.0
    """Seconds to wait for the server's fault before a session is used again."""
    port: int = 0
    """Where to connect to; 0: to the server itself."""
    _session: Session | None = None

    def send(self, message: Message) -> Delivery:
        try:
            return self._ready().send(message.envelope, message.content)
        except SmtpError as error:
            return not_sent(message.envelope.recipients, error)

    def send_many(self, messages: list[Message], in_flight: int) -> list[Delivery]:
        try:
            session = self._ready()
        except SmtpError as error:
            return [not_sent(message.envelope.recipients, error) for message in messages]
        pairs = [(message.envelope, message.content) for message in messages]
        return list(session.send_many(pairs, in_flight))

    def finish(self) -> None:
        if self._session is not None:
            self._session.quit()

    def _ready(self) -> Session:
        if self._session is not None and self.pause:
            self.server.log.struck.wait(self.pause)
        if self._session is None or not self._session.is_alive():
            self._session = self._connected()
        return self._session

    def _connected(self) -> Session:
        patience = self.patience if self._session is None and not self.window.written else PATIENCE
        settings = self.server.settings
        session = _watched(self.window).connect(
            self.server.host,
            self.port or self.server.port,
            Options(
                Timeouts(connect=patience, reply=patience, end_of_message=patience),
                implicit_tls=settings.tls == "ssl",
                context=_context(),
            ),
        )
        try:
            session.hello("client.test")
            if settings.tls == "starttls":
                session.start_tls()
                session.hello("client.test")
            if settings.auth:
                session.authenticate(PasswordCredentials(*LOGIN))
        except SmtpError:
            session.close()
            raise
        return session


def _watched(window: Window) -> type[Session]:
    class Watched(Session):
        """A session whose stream is recorded."""

        def __init__(self, stream: Stream, *args: Any) -> None:
            super().__init__(Recorder(stream, window), *args)

    return Watched


@cache
def _context() -> ssl.SSLContext:
    return make_context(TlsSettings(authorities=authority().pem))
