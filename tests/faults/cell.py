"""One cell of the matrix: a server with one fault, messages for it, and the judgement on what was said of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from smtp.outcome import Delivery, RecipientDelivery, Status
from tests.faults.client import LOGIN, PATIENCE, Client
from tests.faults.judge import Judgement, judge
from tests.faults.matrix import Expected, Row, rows
from tests.faults.messages import RECIPIENTS, Message, Window, large, small
from tests.support.scripted import Kind, Log, ScriptedServer, Settings, Step

TRANSPORTS = ("plain", "starttls", "ssl")
SHORT = 1.5
"""Seconds allowed for a reply where the fault is that none comes."""
LARGE, HUGE = 160_000, 8_000_000
"""Octets of a message with a fault in its body; the second is more than the sockets' buffers hold."""
IN_FLIGHT = 3
"""Fewer than there are messages, so that some are begun while others are finished."""
CLOSING = frozenset({Step.BODY, Step.RSET})
"""Where even a plain refusal means that this connection can't be used any more."""
EARLY_STEPS = frozenset(
    {Step.CONNECT, Step.BANNER, Step.EHLO, Step.STARTTLS, Step.TLS, Step.EHLO_AFTER_TLS, Step.AUTH}
)
"""Before there is a session that could send: what fails here fails for the first message."""


class Mode(StrEnum):
    ONE = "one message"
    SEVERAL = "several messages"
    RUN = "a run of messages"
    WINDOW = "a window of messages"


MESSAGES = {Mode.ONE: 1, Mode.SEVERAL: 3, Mode.RUN: 7, Mode.WINDOW: 7}
AT_ONCE = (Mode.RUN, Mode.WINDOW)
"""All messages are given to the session at once."""


@dataclass(frozen=True, slots=True)
class Played:
    """What happened in a cell: what was to be sent and said of it, what was written, and what the server has."""

    messages: list[Message]
    deliveries: list[Delivery]
    window: Window
    log: Log


@dataclass(frozen=True, slots=True)
class Cell:
    row: Row
    tls: str
    pipelining: bool
    chunking: bool
    mode: Mode

    @property
    def name(self) -> str:
        how = f"{'pipelined' if self.pipelining else 'in steps'}, {'BDAT' if self.chunking else 'DATA'}"
        return f"{self.row.name} [{self.tls}, {how}, {self.mode}]"

    @property
    def struck(self) -> int:
        """The number, from 1, of the message that the fault is meant for."""
        step = self.row.fault.step
        if step is Step.VRFY:
            return 2  # asked once the first message on a connection has ended
        if step is Step.RSET:
            return 5  # the second of those in flight together: 1, then 2 and 3, then 4, 5 and 6
        return 1 if step in EARLY_STEPS else MESSAGES[self.mode] // 2 + 1

    @property
    def leaves_at_once(self) -> bool:
        """Whether all of the message is written before the server has said a word about its envelope."""
        in_flight = self.mode is Mode.WINDOW and self.row.fault.step is not Step.VRFY
        return in_flight and self.pipelining and self.chunking and self.row.fault.step is not Step.BODY

    @property
    def goes_on(self) -> bool:
        """Whether the connection is as good as before once the fault has struck."""
        fault, refused = self.row.fault, self.row.expected in (Expected.TEMPORARY, Expected.PERMANENT)
        if fault.step is Step.QUIT or self.row.expected is Expected.SENT:
            return fault.kind is not Kind.EXTRA or fault.step is Step.QUIT
        return (
            refused
            and fault.kind in (Kind.TEMPORARY, Kind.PERMANENT, Kind.SAYS)
            and fault.step not in CLOSING
        )

    def settings(self) -> Settings:
        fault, step = self.row.fault, self.row.fault.step
        if step not in EARLY_STEPS:
            nth = {Step.RCPT: (self.struck - 1) * RECIPIENTS + 2, Step.QUIT: 1, Step.RSET: 2, Step.VRFY: 1}
            fault = replace(fault, nth=nth.get(step, self.struck))
        return Settings(
            tls=self.tls,
            pipelining=self.pipelining,
            chunking=self.chunking,
            auth=("PLAIN",) if step is Step.AUTH else (),
            logins=dict((LOGIN,)),
            fault=fault,
            drip=0.25,
            buffers=32768 if step is Step.BODY and fault.kind is Kind.SILENCE else None,
        )

    def run(self) -> Judgement:
        """Play it. What is wrong is in the judgement."""
        played = self.play()
        judgement = judge(played.deliveries, played.messages, played.window, played.log)
        if not played.log.struck.is_set():
            judgement.surprises.append("the fault did not come to pass")
        for message, delivery in zip(played.messages, played.deliveries, strict=True):
            in_window = played.window.is_open_for(message)
            allowed = [self._allowed(message.number, index, in_window) for index in range(RECIPIENTS)]
            compare(judgement, message, delivery, allowed)
        return judgement

    def play(self) -> Played:
        """Let the fault happen; what came of it."""
        window, fault = Window(), self.row.fault
        silent = fault.kind in (Kind.SILENCE, Kind.STALL, Kind.DRIP)
        with ScriptedServer(self.settings()) as server:
            messages = [self.message(number + 1, server) for number in range(MESSAGES[self.mode])]
            client = Client(
                server, window, SHORT if silent else PATIENCE, pause=0.05 if fault.step is Step.IDLE else 0.0
            )
            if self.mode in AT_ONCE:
                deliveries = client.send_many(messages, IN_FLIGHT if self.mode is Mode.WINDOW else 1)
            else:
                deliveries = [client.send(message) for message in messages]
            client.finish()
            server.wait_until_served(0.5)
        return Played(messages, deliveries, window, server.log)

    def message(self, number: int, server: ScriptedServer) -> Message:
        """A message by its number, from 1; the one that a fault in the body is meant for is large."""
        fault = self.row.fault
        if fault.step is Step.BODY and number == self.struck:
            return large(number, HUGE if fault.kind is Kind.SILENCE else LARGE, server.log.struck)
        return small(number)

    def _allowed(self, number: int, index: int, in_window: bool) -> tuple[Expected, ...]:
        """What may be said of this recipient: by the matrix, and by what had been written when it happened."""
        row = self.row
        either = (row.also,) if row.also else ()
        if number == self.struck:
            if not row.whole and index != 1:
                return (Expected.SENT,)
            if (
                self.leaves_at_once
                and in_window
                and row.expected is not Expected.SENT
                and not self._is_answered
            ):
                is_named = row.fault.step is Step.RCPT and index == 1
                return (Expected.UNKNOWN, *either, *((row.expected,) if is_named else ()))
            if row.fault.kind is Kind.EXTRA and in_window:
                # What is one too many may arrive when the message is on its way already.
                return (row.expected, Expected.UNKNOWN)
            return (row.expected, *either)
        if number < self.struck or self.mode not in AT_ONCE or self.goes_on:
            lost = self.mode in AT_ONCE and row.fault.step in EARLY_STEPS
            return (Expected.NOT_SENT,) if lost else (Expected.SENT,)
        return (Expected.UNKNOWN, *either) if in_window else (Expected.NOT_SENT,)

    @property
    def _is_answered(self) -> bool:
        """Whether the fault is an answer that decides the message, even when all of it had been written."""
        kind, step = self.row.fault.kind, self.row.fault.step
        if kind is Kind.SHUTDOWN:
            # Some servers go on after it: it decides nothing but what it was the answer to.
            return step in (Step.MAIL, Step.DATA, Step.BODY, Step.END)
        return kind in (Kind.TEMPORARY, Kind.PERMANENT, Kind.SAYS) and step is not Step.RSET


def cells() -> Iterator[Cell]:
    """Every cell that can be: no STARTTLS without it, no DATA where BDAT is used, no RSET outside a window."""
    for row in rows():
        for tls in TRANSPORTS:
            for pipelining in (True, False):
                for chunking in (True, False):
                    for mode in Mode:
                        cell = Cell(row, tls, pipelining, chunking, mode)
                        if _exists(cell):
                            yield cell


def _exists(cell: Cell) -> bool:
    step = cell.row.fault.step
    if step in (Step.STARTTLS, Step.EHLO_AFTER_TLS):
        return cell.tls == "starttls"
    if step is Step.TLS:
        return cell.tls != "plain"
    if step is Step.DATA:
        return not cell.chunking
    if step is Step.RSET:
        return cell.mode is Mode.WINDOW and cell.pipelining and cell.chunking
    if step is Step.VRFY:
        return cell.mode is not Mode.ONE
    if step is Step.IDLE:
        return cell.mode is Mode.SEVERAL
    return True


def compare(
    judgement: Judgement, message: Message, delivery: Delivery, allowed: list[tuple[Expected, ...]]
) -> None:
    """Whether what was said of each recipient is what is allowed to be said of it."""
    for index, (recipient, either) in enumerate(zip(delivery.recipients, allowed, strict=True), start=1):
        if not any(_agrees(expected, recipient) for expected in either):
            retryable = "retryable" if recipient.retryable else "final"
            judgement.surprises.append(
                f"message {message.number}, recipient {index}: {recipient.status}, {retryable}, "
                f"expected {' or '.join(either)}; {delivery.failure}"
            )


def _agrees(expected: Expected, recipient: RecipientDelivery) -> bool:
    unsent = recipient.status in (Status.REFUSED, Status.NOT_TRIED)
    return {
        Expected.SENT: recipient.status is Status.ACCEPTED,
        Expected.UNKNOWN: recipient.status is Status.UNKNOWN and not recipient.retryable,
        Expected.NOT_SENT: unsent,
        Expected.TEMPORARY: unsent and recipient.retryable,
        Expected.PERMANENT: unsent and not recipient.retryable,
    }[expected]
