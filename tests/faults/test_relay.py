"""The relay between a client and a mail server with one fault: what the client is told agrees with the server's log."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from host.local.home import HOME_VARIABLE
from smtp.outcome import Delivery, RecipientDelivery, Status
from smtp.reply import Reply
from tests.faults.judge import judge
from tests.faults.matrix import Expected, Row, rows
from tests.faults.messages import SENDER, Message, Window, small
from tests.support.relays import PATIENCE, RunningRelay, Talk, asset_file
from tests.support.scripted import Kind, Log, ScriptedServer, Settings, Step

STEPS = (Step.MAIL, Step.RCPT, Step.DATA, Step.END)
SILENT = (Kind.SILENCE, Kind.STALL, Kind.DRIP)
MESSAGES = 3
UNKNOWN = "The mail may have been delivered"


class AtTheEnd(Window):
    """Nobody can know of a mail what became of it, if the fault is in the answer to its end."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._step = step

    def is_open_for(self, message: Message) -> bool:
        return self._step is Step.END


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
            half = len(message.octets) // 2
            wire = "".join(f"{line}\r\n" for line in lines).encode()
            wire += b"BDAT %d\r\n" % half + message.octets[:half]
            wire += b"BDAT %d LAST\r\n" % (len(message.octets) - half) + message.octets[half:] + b"RSET\r\n"
            replies = client.replies(wire, len(lines) + 3)
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
                client.send(message.octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
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
        # The second message; at RCPT its second recipient.
        nth = 5 if fault.step is Step.RCPT else 2
        return replace(WAYS[self.way], fault=replace(fault, nth=nth))


def cells() -> Iterator[RelayCell]:
    """Every fault once, each time with another client and another server."""
    turn = 0
    for row in rows():
        fault = row.fault
        if fault.step not in STEPS or (fault.step is Step.END and fault.kind in SILENT):
            continue
        ways = [way for way in WAYS if fault.step is not Step.DATA or way != "BDAT"]
        yield RelayCell(row, list(CLIENTS)[turn % 3], ways[turn // 3 % len(ways)])
        turn += 1


CELLS = {cell.name: cell for cell in cells()}


@pytest.mark.parametrize("name", CELLS)
def test_what_the_client_is_told_is_what_the_server_did(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    cell = CELLS[name]
    messages = [small(number) for number in range(1, MESSAGES + 1)]
    patience = 1 if cell.row.fault.kind in SILENT else PATIENCE
    with (
        ScriptedServer(cell.settings()) as server,
        RunningRelay(
            asset=asset_file(tmp_path, port=server.port, read_timeout=patience), transcript=False
        ) as relay,
    ):
        deliveries = CLIENTS[cell.client](relay.port, messages)
        relay.stop()
        server.wait_until_served(1.0)
        assert server.log.struck.is_set()
    judgement = judge(deliveries, messages, AtTheEnd(cell.row.fault.step), as_the_client_gave_it(server.log))
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
