"""The same matrix played by other clients, for comparison, used as their documents show.

Not all know BDAT and PIPELINING, so theirs are the cells in steps. What they raise or say is taken for what it says to
a program: a reply of refusal for a refusal, everything else for a mail that was not sent, because nothing tells a
loss before the end of the message from one behind it. Left out are endless replies, which some read to the end of
memory, and a server that in the end says 250, slowly, to what it did not accept: only a deadline tells that.
"""

from __future__ import annotations

import asyncio
import platform
import smtplib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType
from typing import Protocol

import aiosmtplib

from smtp.outcome import Delivery, Outcome, RecipientDelivery, Status
from smtp.tls import TlsSettings, make_context
from tests.faults import client
from tests.faults.cell import MESSAGES, SHORT, TRANSPORTS, Cell, Mode, cells
from tests.faults.client import LOGIN, PATIENCE
from tests.faults.judge import Judgement, judge
from tests.faults.messages import SENDER, Message, Window, small
from tests.faults.programs import PROGRAMS, Hung, Program
from tests.support.authority import authority
from tests.support.scripted import Kind, ScriptedServer, Settings

SILENT = frozenset({Kind.SILENCE, Kind.STALL, Kind.DRIP})


class Other(Protocol):
    """A client that keeps its connection for the next message, and makes another one when it has failed."""

    def send(self, message: Message) -> Delivery:
        """Send it, and say what the client says. Raises `Hung`."""

    def finish(self) -> None:
        """Say goodbye."""


class Library(ABC):
    """A Python library that raises where something went wrong."""

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
            return told(message, Status.REFUSED, ())
        except (smtplib.SMTPException, aiosmtplib.SMTPException, OSError, ValueError):
            self.is_connected = False
            with suppress(Exception):
                self.close()
            return told(message, Status.NOT_TRIED, ())
        return told(message, Status.ACCEPTED, refused)

    def finish(self) -> None:
        if self.is_connected:
            with suppress(Exception):
                self.close()

    @abstractmethod
    def connect(self) -> None: ...

    @abstractmethod
    def deliver(self, message: Message) -> Collection[str]:
        """Send it. Returns the recipients that were refused."""

    @abstractmethod
    def close(self) -> None: ...


class Smtplib(Library):
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


class Aiosmtplib(Library):
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


class External:
    """A program of its own."""

    def __init__(self, program: Program, server: ScriptedServer, patience: float) -> None:
        login = LOGIN if server.settings.auth else ("", "")
        self._conversation = program.started(server.port, server.settings.tls, patience, *login)

    def send(self, message: Message) -> Delivery:
        was_sent, refused = self._conversation.send(str(SENDER), message.octets, message.addresses)
        return told(message, Status.ACCEPTED if was_sent else Status.NOT_TRIED, refused)

    def finish(self) -> None:
        self._conversation.end()


def told(message: Message, status: Status, refused: Collection[str]) -> Delivery:
    """What a client says of a message, and of those recipients that it says were refused."""
    return Delivery(
        tuple(
            RecipientDelivery(
                address, Status.REFUSED if str(address) in refused else status, None, retryable=False
            )
            for address in message.envelope.recipients
        )
    )


OURS = "connector"
CLIENTS: Mapping[str, str] = MappingProxyType(
    {
        OURS: "the connector",
        "smtplib": f"smtplib of Python {platform.python_version()}",
        "aiosmtplib": f"aiosmtplib {version('aiosmtplib')}",
        **{name: program.title for name, program in PROGRAMS.items()},
    }
)
"""Names and titles. A program's version is known once it is installed."""


def client_named(name: str, server: ScriptedServer, patience: float) -> Other:
    if name in PROGRAMS:
        return External(PROGRAMS[name], server, patience)
    if name == OURS:
        return client.Client(server, Window(), patience)
    return {"smtplib": Smtplib, "aiosmtplib": Aiosmtplib}[name](server, patience)


@dataclass(frozen=True, slots=True)
class OtherCell:
    cell: Cell
    client: str

    @property
    def name(self) -> str:
        return self.cell.name

    def run(self) -> Judgement:
        """What is judged is what was claimed, not how."""
        patience = SHORT if self.cell.row.fault.kind in SILENT else PATIENCE
        with ScriptedServer(self.cell.settings()) as server:
            messages = [self.cell.message(number + 1, server) for number in range(MESSAGES[self.cell.mode])]
            other = client_named(self.client, server, patience)
            try:
                deliveries = [other.send(message) for message in messages]
            except Hung as hung:
                return Judgement(surprises=[str(hung)])
            finally:
                other.finish()
            server.wait_until_served(0.5)
        counts = judge(deliveries, messages, Window(), server.log).counts
        del counts["unknown_outside_window"]  # the others know no such word
        return Judgement(counts)


def fails_at(name: str) -> list[str]:
    """Ways in which this client gets no mail to a server that nothing is wrong with: then it is not set up rightly."""
    wrong = []
    for tls in TRANSPORTS:
        for auth in ((), ("PLAIN",)) if tls != "plain" else ((),):
            settings = Settings(tls=tls, pipelining=False, chunking=False, auth=auth, logins=dict((LOGIN,)))
            with ScriptedServer(settings) as server:
                other = client_named(name, server, PATIENCE)
                messages = [small(number) for number in (1, 2)]
                said = [other.send(message).outcome for message in messages]
                other.finish()
                server.wait_until_served(0.5)
            arrived = [message.content for message in server.log.accepted]
            if said != [Outcome.SENT] * 2 or arrived != [message.octets for message in messages]:
                wrong.append(f"{tls}, {'with' if auth else 'without'} a login: {', '.join(said)}")
    return wrong


def other_cells(name: str) -> Iterator[OtherCell]:
    for cell in cells():
        is_theirs = not (cell.pipelining or cell.chunking or cell.mode is Mode.WINDOW)
        fault = cell.row.fault
        is_left_out = fault.kind is Kind.ENDLESS or (fault.kind is Kind.DRIP and fault.acted is False)
        if is_theirs and not is_left_out:
            yield OtherCell(cell, name)
