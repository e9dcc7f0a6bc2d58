"""The relay between a client and a mail server with one fault: what the client is told agrees with the server's log."""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from delivery import transport
from host.local.home import HOME_VARIABLE
from smtp.content import DotStuffer
from smtp.options import Timeouts
from smtp.outcome import Delivery, RecipientDelivery, Status
from smtp.reply import Reply
from tests.faults.judge import judge
from tests.faults.matrix import BROKEN, LOST, REFUSED, Expected, Row, rows
from tests.faults.messages import SENDER, Message, Window, large, small
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import Fault, Kind, Log, ScriptedServer, Settings, Step

INSIDE = (Step.BODY, Step.CHUNK)
STEPS = (Step.MAIL, Step.RCPT, Step.DATA, *INSIDE, Step.END)
SILENT = (Kind.SILENCE, Kind.STALL, Kind.DRIP)
LARGE = 700 * 1024
"""Octets of a message that the relay hands on in several pieces, while the client is still saying it."""
UNKNOWN = "The mail may have been delivered"


class AtTheEnd(Window):
    """Nobody can know of a mail what became of it, if the fault is in the answer to its end.

    Nor where the server falls silent in the middle: its system goes on taking the message, to the last dot.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._is_open = fault.step is Step.END or (fault.step is Step.BODY and fault.kind is Kind.SILENCE)

    def is_open_for(self, message: Message) -> bool:
        return self._is_open


def by_smtplib(port: int, messages: list[Message]) -> list[Delivery]:
    """smtplib, a command at a time, as programs that look at every answer use it."""
    deliveries = []
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        client.ehlo("client.test")
        for message in messages:
            answers = [client.mail(str(SENDER)), *(client.rcpt(address) for address in message.addresses)]
            try:
                last = client.data(message.octets)
            except smtplib.SMTPDataError as error:
                last = (error.smtp_code, error.smtp_error)
            deliveries.append(_told(message, [_text(*one) for one in (*answers[1:], last)]))
            client.rset()
    return deliveries


def by_chunks(port: int, messages: list[Message]) -> list[Delivery]:
    """Everything at once, by BDAT."""
    deliveries = []
    with Talk(port) as client:
        client.say("EHLO client.test")
        for message in messages:
            lines = [f"MAIL FROM:<{SENDER}>", *(f"RCPT TO:<{address}>" for address in message.addresses)]
            client.send("".join(f"{line}\r\n" for line in lines).encode())
            count = len(lines)
            for piece in message.content.chunks():
                half = len(piece) // 2
                client.send(b"BDAT %d\r\n" % half + piece[:half])
                client.send(b"BDAT %d\r\n" % (len(piece) - half) + piece[half:])
                count += 2
            replies = client.replies(b"BDAT 0 LAST\r\nRSET\r\n", count + 2)
            deliveries.append(_told(message, [*replies[1 : len(lines)], replies[-2]]))
    return deliveries


def by_pipeline(port: int, messages: list[Message]) -> list[Delivery]:
    """The envelope and DATA at once, then the message if it is wanted."""
    deliveries = []
    with Talk(port) as client:
        client.say("EHLO client.test")
        for message in messages:
            lines = [
                f"MAIL FROM:<{SENDER}>",
                *(f"RCPT TO:<{address}>" for address in message.addresses),
                "DATA",
            ]
            replies = client.replies("".join(f"{line}\r\n" for line in lines).encode(), len(lines))
            last = replies[-1]
            if last.startswith("354"):
                stuffer = DotStuffer()
                for piece in message.content.chunks():
                    client.send(stuffer.stuff(piece))
                client.send(b".\r\n")
                last = client.reply()
            deliveries.append(_told(message, [*replies[1:-1], last]))
            client.say("RSET")
    return deliveries


CLIENTS: Mapping[str, Callable[[int, list[Message]], list[Delivery]]] = MappingProxyType(
    {"smtplib": by_smtplib, "chunks": by_chunks, "pipeline": by_pipeline}
)
WAYS = MappingProxyType(
    {
        "BDAT": Settings(),
        "DATA": Settings(chunking=False),
        "in steps": Settings(chunking=False, pipelining=False),
    }
)


def _text(code: int, text: bytes) -> str:
    return f"{code} {text.decode()}"


def _told(message: Message, said: list[str]) -> Delivery:
    """What a client makes of the answers to its recipients and to the message."""
    *recipients, last = said
    found = []
    for address, answer in zip(message.envelope.recipients, recipients, strict=True):
        if not answer.startswith("2"):
            status = Status.REFUSED
        elif UNKNOWN in last:
            status = Status.UNKNOWN
        else:
            status = Status.ACCEPTED if last.startswith("2") else Status.REFUSED
        code = int((last if answer.startswith("2") else answer)[:3])
        found.append(RecipientDelivery(address, status, Reply(code, ("",)), code < 500))
    return Delivery(tuple(found))


@dataclass(frozen=True)
class RelayCell:
    row: Row
    client: str
    way: str

    @property
    def name(self) -> str:
        return f"{self.row.name} [{self.client}, {self.way}]"

    def settings(self) -> Settings:
        fault = self.row.fault
        # The second message; at RCPT its second recipient, at CHUNK its first chunk: the others have none.
        nth = {Step.RCPT: 5, Step.CHUNK: 1}.get(fault.step, 2)
        return replace(WAYS[self.way], fault=replace(fault, nth=nth), drip=0.25)

    def messages(self, struck: threading.Event) -> list[Message]:
        """Where the fault is in the middle of a message, that one is large, and goes on once the fault has struck."""
        second = large(2, LARGE, struck) if self.row.fault.step in INSIDE else small(2)
        return [small(1), second, small(3)]


def cells() -> Iterator[RelayCell]:
    """Every fault once, each time with another client and another server."""
    turn = 0
    for row in (*rows(), *in_chunks()):
        fault = row.fault
        if fault.step not in STEPS:
            continue
        ways = [way for way in WAYS if fault.step is not Step.DATA or way != "BDAT"]
        if fault.step is Step.CHUNK:
            ways = ["BDAT"]
        # smtplib hands over whole messages: it can't wait in the middle of one.
        clients = list(CLIENTS)[fault.step in INSIDE :]
        yield RelayCell(row, clients[turn % len(clients)], ways[turn // len(clients) % len(ways)])
        turn += 1


def in_chunks() -> Iterator[Row]:
    """Faults in the answer to a chunk that is not the last."""
    for kind in (*LOST, *REFUSED):
        yield Row(Fault(Step.CHUNK, kind), Expected.TEMPORARY)
    yield Row(Fault(Step.CHUNK, Kind.PERMANENT), Expected.PERMANENT)
    for kind in BROKEN:
        yield Row(Fault(Step.CHUNK, kind), Expected.NOT_SENT)


CELLS = {cell.name: cell for cell in cells()}


@pytest.mark.parametrize("name", CELLS)
def test_what_the_client_is_told_is_what_the_server_did(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    cell = CELLS[name]
    patience = 1 if cell.row.fault.kind in SILENT else int(PATIENCE)
    # Nobody can set it: ten minutes for the answer to a message are the standard's (RFC 5321 section 4.5.3.2.6).
    monkeypatch.setattr(transport, "Timeouts", partial(Timeouts, end_of_message=float(patience)))
    with (
        ScriptedServer(cell.settings()) as server,
        RunningRelay(
            asset=asset_file(tmp_path, port=server.port, read_timeout=patience), transcript=False
        ) as relay,
    ):
        messages = cell.messages(server.log.struck)
        deliveries = CLIENTS[cell.client](relay.port, messages)
        relay.stop()
        server.wait_until_served(1.0)
        assert server.log.struck.is_set()
    judgement = judge(deliveries, messages, AtTheEnd(cell.row.fault), as_the_client_gave_it(server.log))
    assert str(judgement) == ""
    assert [str(one.status) for one in deliveries[0].recipients] == ["accepted"] * 3
    if cell.row.expected is Expected.PERMANENT:
        assert any(one.reply is not None and one.reply.code >= 500 for one in deliveries[1].recipients)


def as_the_client_gave_it(log: Log) -> Log:
    """The log with the messages as they were before the relay put its fields above them."""
    for number, entry in enumerate(log.accepted):
        start = entry.content.find(b"Message-ID: <")
        log.accepted[number] = replace(entry, content=entry.content[start:])
    return log
