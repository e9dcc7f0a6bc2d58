"""A mail server that keeps what it is given: aiosmtpd, so that our client meets a server we did not write."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.authority import authority

NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as it arrived. `content` is without dot-stuffing; parameters are as sent, upper case."""

    peer: str
    hello: str
    mail_from: str
    mail_parameters: tuple[str, ...]
    rcpt_tos: tuple[str, ...]
    rcpt_parameters: tuple[str, ...]
    content: bytes
    tls: str
    """The version of TLS, "" in clear."""
    username: str
    """Who logged in, "" for nobody."""
    mechanism: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the catcher says it can do, and does."""

    eight_bit: bool = True
    smtputf8: bool = True
    pipelining: bool = False
    size: int | None = 33_554_432
    mechanisms: Collection[str] = ("PLAIN", "LOGIN")
    """Of PLAIN, LOGIN and CRAM-MD5; told only when `Catcher` was given logins."""


# Without slots: aiosmtpd reads every attribute of its handler, and the `__weakref__` that early releases of 3.11
# leave in a dataclass with slots can't be read.
@dataclass
class _Hooks:
    """What aiosmtpd calls while it serves."""

    offer: Offer
    logins: Mapping[str, str]
    refused: Mapping[str, str]
    messages: list[Caught] = field(default_factory=list)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        unwanted = {"8BITMIME": not self.offer.eight_bit, "AUTH": not self.logins}
        lines = [line[4:] for line in responses if not unwanted.get(line[4:].split(" ")[0])]
        if self.offer.pipelining:
            lines.insert(1, "PIPELINING")
        return [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert server.transport is not None
        tls = server.transport.get_extra_info("ssl_object")
        identity = session.auth_data or ("", "")
        content = envelope.original_content
        assert content is not None
        self.messages.append(
            Caught(
                peer=str(session.peer),
                hello=session.host_name or "",
                mail_from=envelope.mail_from or "",
                mail_parameters=tuple(envelope.mail_options),
                rcpt_tos=tuple(envelope.rcpt_tos),
                rcpt_parameters=tuple(envelope.rcpt_options),
                content=content,
                tls=tls.version() if tls else "",
                username=identity[0],
                mechanism=identity[1],
            )
        )
        return "250 2.0.0 OK: queued as CAUGHT"

    async def auth_CRAM__MD5(self, server: SMTP, arguments: list[str]) -> AuthResult:
        """RFC 2195. The double underscore is how aiosmtpd spells a hyphen."""
        challenge = b"<1896.697170952@catcher.test>"
        answer = await server.challenge_auth(challenge)
        if not isinstance(answer, bytes):
            return AuthResult(success=False)
        name, _, digest = answer.decode().rpartition(" ")
        password = self.logins.get(name, "")
        wanted = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
        good = name in self.logins and hmac.compare_digest(wanted, digest)
        return AuthResult(success=good, handled=False, auth_data=(name, "CRAM-MD5"))

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        name = data.login.decode()
        good = self.logins.get(name) == data.password.decode()
        return AuthResult(success=good, handled=False, auth_data=(name, mechanism))


class _Quick(Controller):
    """aiosmtpd's controller on a port that the system chooses."""

    def __init__(self, hooks: _Hooks, **settings: Any) -> None:
        super().__init__(hooks, hostname="127.0.0.1", port=0, **settings)

    def _trigger_server(self) -> None:
        """Learn the port first: the controller connects once, to be sure that the server answers."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd's


class Catcher:
    """A capturing mail server, for use in a `with`. `tls` is "plain", "starttls" or "ssl".

    With `logins` (name to password) it demands one before MAIL; `refused` maps recipients to the reply
    that they get. `messages` holds what was accepted, in order.
    """

    def __init__(
        self,
        tls: str = "plain",
        *,
        offer: Offer = Offer(),
        logins: Mapping[str, str] = NOBODY,
        refused: Mapping[str, str] = NOBODY,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._hooks = _Hooks(offer, logins, refused)
        chosen = (context or authority().good) if tls != "plain" else None
        self._controller = _Quick(
            self._hooks,
            ssl_context=chosen if tls == "ssl" else None,
            tls_context=chosen if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            data_size_limit=offer.size,
            enable_SMTPUTF8=offer.smtputf8,
            auth_required=bool(logins),
            auth_require_tls=tls == "starttls",
            auth_exclude_mechanism={"PLAIN", "LOGIN", "CRAM-MD5"} - set(offer.mechanisms),
            authenticator=self._hooks.authenticate,
        )

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def write_asset(self, path: Path, sender: str = "soc@example.com") -> None:
        """An asset over a plain connection, without a login, as a file."""
        fields = {"server": self.host, "port": self.port, "ssl_config": "None", "sender_address": sender}
        path.write_text(json.dumps(fields))

    @property
    def messages(self) -> tuple[Caught, ...]:
        return tuple(self._hooks.messages)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._controller.stop()
