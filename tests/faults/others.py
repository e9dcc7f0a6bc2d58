"""The same matrix played by other clients, for comparison: smtplib and aiosmtplib, used as their documents show.

They know neither BDAT nor PIPELINING, so theirs are the cells in steps. What they raise is taken for what it says to a
program: a reply of refusal for a refusal, everything else for a mail that was not sent, because nothing tells a
loss before the end of the message from one behind it. Left out are endless replies, which both read to the end of
memory, and a server that in the end says 250, slowly, to what it did not accept: only a deadline tells that.
"""

from __future__ import annotations

import asyncio
import smtplib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import aiosmtplib

from smtp.outcome import Delivery, RecipientDelivery, Status
from smtp.tls import TlsSettings, make_context
from tests.faults.cell import MESSAGES, SHORT, Cell, Mode, cells
from tests.faults.client import LOGIN, PATIENCE
from tests.faults.judge import Judgement, judge
from tests.faults.messages import SENDER, Message, Window
from tests.support.authority import authority
from tests.support.scripted import Kind, ScriptedServer

SILENT = frozenset({Kind.SILENCE, Kind.STALL, Kind.DRIP})


class Other(ABC):
    """A client that keeps its connection for the next message, and makes another one when it has failed."""

    def __init__(self, server: ScriptedServer, patience: float) -> None:
        self.server, self.patience = server, patience
        self.context = make_context(TlsSettings(authorities=authority().pem))
        self.is_connected = False

    def send(self, message: Message) -> Delivery:
        try:
            if not self.is_connected:
                self.connect()
                self.is_connected = True
            refused = self.deliver(message)
        except (smtplib.SMTPRecipientsRefused, aiosmtplib.SMTPRecipientsRefused):
            return self._told(message, Status.REFUSED, ())
        except (smtplib.SMTPException, aiosmtplib.SMTPException, OSError, ValueError):
            self.is_connected = False
            with suppress(Exception):
                self.close()
            return self._told(message, Status.NOT_TRIED, ())
        return self._told(message, Status.ACCEPTED, refused)

    @staticmethod
    def _told(message: Message, status: Status, refused: Collection[str]) -> Delivery:
        return Delivery(
            tuple(
                RecipientDelivery(
                    address, Status.REFUSED if str(address) in refused else status, None, retryable=False
                )
                for address in message.envelope.recipients
            )
        )

    @abstractmethod
    def connect(self) -> None: ...

    @abstractmethod
    def deliver(self, message: Message) -> Collection[str]:
        """Send it. Returns the recipients that were refused."""

    @abstractmethod
    def close(self) -> None: ...


class Smtplib(Other):
    def connect(self) -> None:
        tls, where = self.server.settings.tls, (self.server.host, self.server.port)
        if tls == "ssl":
            self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=self.patience, context=self.context)
        else:
            self._smtp = smtplib.SMTP(*where, timeout=self.patience)
        if tls == "starttls":
            self._smtp.starttls(context=self.context)
        if self.server.settings.auth:
            self._smtp.login(*LOGIN)

    def deliver(self, message: Message) -> Collection[str]:
        return self._smtp.sendmail(str(SENDER), message.addresses, message.octets)

    def close(self) -> None:
        self._smtp.quit()


class Aiosmtplib(Other):
    def __init__(self, server: ScriptedServer, patience: float) -> None:
        super().__init__(server, patience)
        self._loop = asyncio.new_event_loop()

    def connect(self) -> None:
        tls = self.server.settings.tls
        self._smtp = aiosmtplib.SMTP(
            hostname=self.server.host,
            port=self.server.port,
            timeout=self.patience,
            use_tls=tls == "ssl",
            start_tls=tls == "starttls",
            tls_context=self.context,
        )
        self._loop.run_until_complete(self._smtp.connect())
        if self.server.settings.auth:
            self._loop.run_until_complete(self._smtp.login(*LOGIN))

    def deliver(self, message: Message) -> Collection[str]:
        sending = self._smtp.sendmail(str(SENDER), message.addresses, message.octets)
        refused, _ = self._loop.run_until_complete(sending)
        return refused

    def close(self) -> None:
        try:
            self._loop.run_until_complete(self._smtp.quit())
        finally:
            self._smtp.close()


CLIENTS: Mapping[str, type[Other]] = MappingProxyType({"smtplib": Smtplib, "aiosmtplib": Aiosmtplib})


@dataclass(frozen=True, slots=True)
class OtherCell:
    cell: Cell
    client: type[Other]

    @property
    def name(self) -> str:
        return self.cell.name

    def run(self) -> Judgement:
        """What is judged is what was claimed, not how."""
        patience = SHORT if self.cell.row.fault.kind in SILENT else PATIENCE
        with ScriptedServer(self.cell.settings()) as server:
            messages = [self.cell.message(number + 1, server) for number in range(MESSAGES[self.cell.mode])]
            client = self.client(server, patience)
            deliveries = [client.send(message) for message in messages]
            if client.is_connected:
                with suppress(Exception):
                    client.close()
            server.wait_until_served(0.5)
        return Judgement(judge(deliveries, messages, Window(), server.log).counts)


def other_cells(name: str) -> Iterator[OtherCell]:
    for cell in cells():
        is_theirs = not (cell.pipelining or cell.chunking or cell.mode is Mode.WINDOW)
        fault = cell.row.fault
        is_left_out = fault.kind is Kind.ENDLESS or (fault.kind is Kind.DRIP and fault.acted is False)
        if is_theirs and not is_left_out:
            yield OtherCell(cell, CLIENTS[name])
