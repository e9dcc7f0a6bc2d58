"""The demo's mail server: aiosmtpd with TLS by a throw-away authority and a login, keeping what it is given."""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any, Self, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME = "soc@example.org"


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it arrived: the envelope, the octets, and how the client had come in."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    tls: str
    username: str


# Without slots: aiosmtpd reads every attribute of its handler, and the `__weakref__` that early releases of 3.11
# leave in a dataclass with slots can't be read.
@dataclass
class _Mailbox:
    """What aiosmtpd calls while it serves."""

    password: str = field(repr=False)
    mails: list[Mail] = field(default_factory=list)

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        login = cast(LoginPassword, data)
        right_password = secrets.compare_digest(login.password, self.password.encode())
        good = right_password and login.login == USERNAME.encode()
        return AuthResult(success=good, handled=False, auth_data=login.login.decode(errors="replace"))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        tls = server.transport.get_extra_info("ssl_object") if server.transport else None
        self.mails.append(
            Mail(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.original_content or b"",
                tls=str(tls.version()) if tls else "",
                username=str(session.auth_data or ""),
            )
        )
        return "250 2.0.0 OK: kept for the demo"


class _Controller(Controller):
    """aiosmtpd's, on a port that the system chooses: the controller looks at the port to see whether it serves."""

    def _trigger_server(self) -> None:
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no hints here


class DemoServer:
    """Runs while in its `with`. `asset` is what somebody would fill in to send through it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        self._mailbox = _Mailbox(secrets.token_urlsafe(18))
        self._controller = _Controller(
            self._mailbox,
            hostname="127.0.0.1",
            port=0,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._mailbox.authenticate,
            enable_SMTPUTF8=True,
        )

    @property
    def asset(self) -> dict[str, Any]:
        return {
            "server": "127.0.0.1",
            "port": self._controller.port,
            "ssl_config": "StartTLS",
            "username": USERNAME,
            "password": self._mailbox.password,
            "sender_address": USERNAME,
            "ca_bundle": self._authority.cert_pem.bytes().decode(),
        }

    def take(self) -> list[Mail]:
        """What has arrived since the last call."""
        mails, self._mailbox.mails = self._mailbox.mails, []
        return mails

    def __enter__(self) -> Self:
        # aiosmtpd warns about an attribute of its own at each login.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self._controller.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._controller.stop()
