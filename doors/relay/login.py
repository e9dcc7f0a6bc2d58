"""A client's login: with an account of this relay's, or with a token for the mail server."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from auth.errors import AuthError
from doors.relay.client_tokens import ClientTokens
from doors.relay.replies import reply, token_refused
from doors.relay.service import Service
from smtp.reply import Reply
from smtp.server.logins import PASSWORDS, TOKENS, BadResponse, ClientLogin, Exchange
from smtp.server.request import Request
from smtp.stream import SocketStream

FAILED = frozenset({454, 501, 535})
"""Answers to a login that count as a mistake of the client's."""


class Login:
    """Who one client is. `upstream` is the way to the mail server that is this client's."""

    def __init__(self, service: Service, stream: SocketStream) -> None:
        self._service = service
        self._stream = stream
        self._is_trusted = service.admission.is_trusted(stream.peer)
        self._exchange: Exchange | None = None
        self._client: ClientLogin | None = None
        self.upstream = service.upstream

    @property
    def is_done(self) -> bool:
        return self._client is not None

    @property
    def is_missing(self) -> Reply | None:
        """What MAIL is answered with where a login has to come first."""
        if self._client is not None or (self._is_trusted and self._service.tokens is None):
            return None
        how = "XOAUTH2 and your token" if self._service.tokens is not None else "an account of this relay"
        return reply(530, "5.7.0", f"Log in first: AUTH with {how}")

    @property
    def mechanisms(self) -> list[str]:
        """What a login may be shown with: not before TLS where there is a certificate."""
        return [] if self._lacks_tls or self._client is not None else list(self._exchanges())

    def begin(self, request: Request) -> Reply | bytes:
        """AUTH. The answer, or a challenge."""
        mechanisms = self.mechanisms
        if self._client is not None:
            return reply(503, "5.5.1", "There was a login already")
        if request.text not in mechanisms:
            if self._lacks_tls:
                return reply(538, "5.7.11", "A login needs TLS first: STARTTLS")
            offered = ", ".join(mechanisms) or "none"
            return reply(504, "5.5.4", f"This mechanism is not known here; offered: {offered}")
        self._exchange = self._exchanges()[request.text]()
        return self.go_on(request.response)

    def go_on(self, response: bytes | None) -> Reply | bytes:
        """What the client says to a challenge. The answer, or the next challenge."""
        exchange = self._exchange
        if exchange is None:
            return reply(503, "5.5.1", "There is no login under way")
        try:
            said = exchange.take(response)
        except BadResponse:
            self._exchange = None
            return reply(501, "5.5.2", "That is not what this mechanism says")
        if isinstance(said, bytes):
            return said
        self._exchange = None
        if self._service.tokens is not None:
            return self._log_in_there(self._service.tokens, said)
        accounts = self._service.admission.accounts
        if accounts is None or not accounts.is_right(said.name, said.secret):
            return reply(535, "5.7.8", "User name or password is wrong")
        self._client = said
        return reply(235, "2.7.0", "Welcome")

    def forget(self) -> None:
        """Begin anew. A way that was this client's alone is closed."""
        tokens = self._service.tokens
        if self._client is not None and tokens is not None and tokens.are_good_for_once:
            self.upstream.close()
        self._client, self.upstream = None, self._service.upstream

    @property
    def _lacks_tls(self) -> bool:
        return self._service.tls is not None and self._stream.tls is None

    def _exchanges(self) -> Mapping[str, Callable[[], Exchange]]:
        """A client logs in with a token of the mail server's, or with an account of this relay's."""
        if self._service.tokens is not None:
            return TOKENS
        return PASSWORDS if self._service.admission.accounts is not None else {}

    def _log_in_there(self, tokens: ClientTokens, login: ClientLogin) -> Reply:
        """Exchange what the client brought for an access token; the mail server sees that at MAIL."""
        try:
            self.upstream = tokens.log_in(login)
        except AuthError as exc:
            self._service.log.warn(f"{self._service.name}: no token for a client: {exc.text}")
            return token_refused(exc)
        self._client = login
        return reply(235, "2.7.0", "There is a token; go on")
