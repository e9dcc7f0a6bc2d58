"""The connection ends after every octet, in either direction; what was not sent is sent again, nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smtp.delivery import Outcome
from tests.faults.cell import TRANSPORTS
from tests.faults.client import Client
from tests.faults.judge import Judgement, judge
from tests.faults.messages import Window, small
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
            window = Window()
            client = Client(server, window)
            messages = [small(number + 1) for number in range(self.messages)]
            deliveries = client.send_many(messages, self.messages)
            judgement = Judgement()
            for index, message in enumerate(messages):
                if deliveries[index].outcome is Outcome.NOT_SENT:
                    if not all(recipient.retryable for recipient in deliveries[index].recipients):
                        judgement.surprises.append(f"message {message.number} may not be tried again")
                    deliveries[index] = client.send(message)
            client.finish()
            server.wait_until_served(0.5)
        judged = judge(deliveries, messages, window, server.log)
        if any(delivery.outcome not in (Outcome.SENT, Outcome.UNKNOWN) for delivery in deliveries):
            judgement.surprises.append("a second try on a good connection did not succeed")
        return Judgement(judged.counts, judged.surprises + judgement.surprises)

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
