"""The mail catcher: a mail server on this machine that keeps what it is given, and goes wrong when it is asked to."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from host.local.catcher import HOST, CatchingServer
from host.local.files import timestamp

MOST_MAILS = 500
MOST_OCTETS = 256 * 1024 * 1024
LARGEST_MAIL = 64 * 1024 * 1024

STEPS = ("connection", "sender", "recipient", "content", "answer")
"""Where a fault may happen: the greeting, MAIL, RCPT, DATA, and the answer to the whole message."""
FAULTS = ("refuse", "defer", "hang up", "be slow")
SLOW = 3.0
"""Seconds that a slow answer takes."""


@dataclass(frozen=True, slots=True)
class Chaos:
    """A fault at a step, with a probability from 0 to 1. `fault` "" is none."""

    fault: str = ""
    step: str = "answer"
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail as it arrived. `number` is its place in the order of arrival, from 1."""

    number: int
    time: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)


class Mailbox:
    """What has arrived, the latest `MOST_MAILS` of it and up to `MOST_OCTETS`. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: OrderedDict[int, CaughtMail] = OrderedDict()
        self._numbers = itertools.count(1)
        self._octets = 0

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> None:
        with self._lock:
            mail = CaughtMail(next(self._numbers), timestamp(), sender, recipients, content)
            self._mails[mail.number] = mail
            self._octets += len(content)
            while len(self._mails) > 1 and (len(self._mails) > MOST_MAILS or self._octets > MOST_OCTETS):
                _, oldest = self._mails.popitem(last=False)
                self._octets -= len(oldest.content)

    def list(self) -> tuple[CaughtMail, ...]:
        """The latest first."""
        with self._lock:
            return tuple(reversed(self._mails.values()))

    def get(self, number: int) -> CaughtMail | None:
        with self._lock:
            return self._mails.get(number)

    def clear(self) -> int:
        """Throw everything away; how many mails that were."""
        with self._lock:
            count = len(self._mails)
            self._mails.clear()
            self._octets = 0
            return count


class _Hooks:
    """What aiosmtpd calls while it serves."""

    def __init__(self, catcher: Catcher) -> None:
        self.catcher = catcher

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        reply = await self._fault("connection", server)
        return [reply] if reply else responses

    async def handle_MAIL(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self._fault("sender", server):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := await self._fault("recipient", server):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if reply := await self._fault("content", server):
            return reply
        content = envelope.original_content or b""
        self.catcher.mailbox.keep(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        if reply := await self._fault("answer", server):
            return reply
        return "250 2.0.0 OK: kept in the inbox"

    async def _fault(self, step: str, server: SMTP) -> str:
        """The reply that goes wrong; "" for none."""
        chaos = self.catcher.chaos
        if not chaos.fault or chaos.step != step or random.random() >= chaos.probability:  # noqa: S311
            return ""
        if chaos.fault == "hang up":
            if isinstance(server.transport, asyncio.WriteTransport):
                server.transport.abort()
            return "421 4.3.0 Hung up"
        if chaos.fault == "be slow":
            await asyncio.sleep(SLOW)
            return ""
        return (
            "550 5.7.1 Refused, as the inbox was asked to"
            if chaos.fault == "refuse"
            else "451 4.3.0 Not now, as the inbox was asked to"
        )


class Catcher:
    """Runs while in its `with`. It takes mail without a login, from this machine only."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.chaos = Chaos()
        self._server = CatchingServer(_Hooks(self), data_size_limit=LARGEST_MAIL)

    @property
    def port(self) -> int:
        return int(self._server.port)

    @property
    def asset(self) -> dict[str, Any]:
        """What somebody would fill in to send to it."""
        return {
            "server": HOST,
            "port": self.port,
            "ssl_config": "None",
            "sender_address": "you@example.org",
        }

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.__exit__()
