"""aiosmtpd in this process, with Maildirs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.real.mailboxes import Mailboxes
from tests.real.processes import free_port


class Aiosmtpd:
    """Started on entry, gone on exit. `recipients` have a mailbox each, every other address is refused with 550."""

    def __init__(self, folder: Path, *, recipients: Iterable[str]) -> None:
        self.port = free_port()
        self.mailboxes = Mailboxes(folder / "mailboxes")
        handler = _Handler(folder / "mailboxes", frozenset(recipients))
        self._controller = Controller(handler, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True)

    def wait_until_quiet(self) -> None:
        """What it has answered with 250 is in the mailboxes by then."""

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()


class _Handler:
    """The method names are aiosmtpd's."""

    def __init__(self, folder: Path, recipients: frozenset[str]) -> None:
        self._folder = folder
        self._recipients = recipients
        self._numbers = count()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address not in self._recipients:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = bytes(envelope.original_content or b"").replace(b"\r\n", b"\n")
        for address in envelope.rcpt_tos:
            box = self._folder / address / "new"
            box.mkdir(parents=True, exist_ok=True)
            (box / str(next(self._numbers))).write_bytes(content)
        return "250 2.0.0 kept"
