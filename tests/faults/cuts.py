"""The connection ends after every octet, in either direction; what was not sent is sent again, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smtp.outcome import Outcome
from tests.faults.cell import TRANSPORTS
from tests.faults.client import Client
from tests.faults.judge import Judgement, judge
from tests.faults.messages import Window, small
from tests.support.relay import DOWN, UP, Relay
from tests.support.scripted import Cut, ScriptedServer, Settings


@dataclass(frozen=True, slots=True)
class CutCell:
    """A dialogue with `messages` messages in flight, and where it is cut."""

    cut: Cut
    tls: str
    pipelining: bool
    chunking: bool
    messages: int

    @property
    def name(self) -> str:
        where = f"{self.cut.read} read" if self.cut.read is not None else f"{self.cut.written} written"
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        ends = "reset" if self.cut.hard else "closed"
        return f"cut: {ends} after {where} [{self.tls}, {how}, messages: {self.messages}]"

    def run(self) -> Judgement:
        with ScriptedServer(self._settings()) as server:
            return _sent_twice_if_need_be(Client(server, Window()), self.messages)

    def _settings(self) -> Settings:
        return Settings(tls=self.tls, pipelining=self.pipelining, chunking=self.chunking, cut=self.cut)

    def rehearse(self) -> tuple[int, int]:
        """How many octets the server reads and writes when nothing is cut."""
        with ScriptedServer(self._settings()) as server:
            client = Client(server, Window())
            client.send_many([small(number + 1) for number in range(self.messages)], self.messages)
            client.finish()
            server.wait_until_served()
        return server.log.octets_read[1], server.log.octets_written[1]


@dataclass(frozen=True, slots=True)
class WireCutCell:
    """One message inside TLS, and after which octet of the network's the wire is cut: handshake and records too."""

    tls: str
    direction: str
    octets: int

    @property
    def name(self) -> str:
        return f"cut: the wire after {self.octets} octets {self.direction} [{self.tls}]"

    def run(self) -> Judgement:
        server = ScriptedServer(Settings(tls=self.tls))
        with server, Relay(server.port, self.direction, self.octets) as relay:
            return _sent_twice_if_need_be(Client(server, Window(), port=relay.port), 1)


def _sent_twice_if_need_be(client: Client, count: int) -> Judgement:
    """Send so many messages at once, and what was not sent once more, on a connection that is not cut."""
    messages = [small(number + 1) for number in range(count)]
    deliveries = client.send_many(messages, count)
    surprises = []
    for index, message in enumerate(messages):
        if deliveries[index].outcome is Outcome.NOT_SENT:
            if not all(recipient.retryable for recipient in deliveries[index].recipients):
                surprises.append(
                    f"message {message.number} may not be tried again: {deliveries[index].failure}"
                )
            deliveries[index] = client.send(message)
    client.finish()
    client.server.wait_until_served(0.5)
    if any(delivery.outcome not in (Outcome.SENT, Outcome.UNKNOWN) for delivery in deliveries):
        surprises.append("a second try on a good connection did not succeed")
    judged = judge(deliveries, messages, client.window, client.server.log)
    return Judgement(judged.counts, judged.surprises + surprises)


def wire_cuts() -> Iterator[WireCutCell]:
    """Every seventh octet: what is cut here is TLS, whose parts are longer than that."""
    for tls in ("starttls", "ssl"):
        with ScriptedServer(Settings(tls=tls)) as server, Relay(server.port) as relay:
            client = Client(server, Window(), port=relay.port)
            client.send(small(1))
            client.finish()
            server.wait_until_served()
        for direction in (UP, DOWN):
            for octets in range(0, relay.passed[direction], 7):
                yield WireCutCell(tls, direction, octets)


def cuts() -> Iterator[CutCell]:
    """Every octet of one message, closed and reset; of three in flight on a plain connection, closed."""
    for tls in TRANSPORTS:
        for pipelining in (True, False):
            for chunking in (True, False):
                yield from _each_octet(CutCell(Cut(), tls, pipelining, chunking, 1), (False, True))
                if tls == "plain" and pipelining:
                    yield from _each_octet(CutCell(Cut(), tls, pipelining, chunking, 3), (False,))


def _each_octet(whole: CutCell, endings: tuple[bool, ...]) -> Iterator[CutCell]:
    read, written = whole.rehearse()
    spots = [Cut(read=octets) for octets in range(read)] + [Cut(written=octets) for octets in range(written)]
    for spot in spots:
        for hard in endings:
            cut = Cut(read=spot.read, written=spot.written, hard=hard)
            yield CutCell(cut, whole.tls, whole.pipelining, whole.chunking, whole.messages)
