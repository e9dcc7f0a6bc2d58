"""The demo's mail server: aiosmtpd with TLS by a throw-away authority and a login, keeping what it is given."""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any, Self, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from host.local.catcher import HOST, CatchingServer

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


class DemoServer:
    """Runs while in its `with`. `asset` is what somebody would fill in to send through it."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(HOST).configure_cert(context)
        self._mailbox = _Mailbox(secrets.token_urlsafe(18))
        self._server = CatchingServer(
            self._mailbox,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._mailbox.authenticate,
        )

    @property
    def asset(self) -> dict[str, Any]:
        return {
            "server": HOST,
            "port": self._server.port,
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
        self._server.__enter__()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.__exit__()
