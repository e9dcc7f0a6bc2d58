"""One cell of the matrix: a server with one fault, messages for it, and the judgement on what was said of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from smtp.connection import Timeouts
from smtp.delivery import Delivery, RecipientDelivery, Status, not_sent
from smtp.errors import SmtpError
from smtp.sasl import PasswordCredentials
from smtp.session import Session
from smtp.stream import Stream
from smtp.tls import TlsSettings, make_context
from tests.faults.judge import Judgement, judge
from tests.faults.matrix import Expected, Row, rows
from tests.faults.messages import RECIPIENTS, Message, Recorder, Window, large, small
from tests.support.authority import authority
from tests.support.scripted import Kind, ScriptedServer, Settings, Step

TRANSPORTS = ("plain", "starttls", "ssl")
SHORT, LONG = 1.5, 10.0
"""Seconds allowed for a reply, where the fault is that none comes, and everywhere else."""
LARGE, HUGE = 160_000, 8_000_000
"""Octets of a message with a fault in its body; the second is more than the sockets' buffers hold."""
WINDOW = 3
"""Messages in flight: fewer than there are, so that some are begun while others are finished."""
CLOSING = frozenset({Step.BODY, Step.RSET})
"""Where even a plain refusal means that this connection can't be used any more."""
EARLY_STEPS = frozenset(
    {Step.CONNECT, Step.BANNER, Step.EHLO, Step.STARTTLS, Step.TLS, Step.EHLO_AFTER_TLS, Step.AUTH}
)
"""Before there is a session that could send: what fails here fails for the first message."""


class Mode(StrEnum):
    ONE = "one message"
    SEVERAL = "several messages"
    WINDOW = "a window of messages"


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
    def messages(self) -> int:
        return {Mode.ONE: 1, Mode.SEVERAL: 3, Mode.WINDOW: 7}[self.mode]

    @property
    def struck(self) -> int:
        """The number, from 1, of the message that the fault is meant for."""
        if self.row.fault.step in EARLY_STEPS or self.mode is Mode.ONE:
            return 1
        return self.messages // 2 + 1

    @property
    def leaves_at_once(self) -> bool:
        """Whether all of the message is written before the server has said a word about its envelope."""
        return self.pipelining and self.chunking and self.row.fault.step is not Step.BODY

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

    @property
    def is_silent(self) -> bool:
        return self.row.fault.kind in (Kind.SILENCE, Kind.STALL, Kind.DRIP)

    def settings(self) -> Settings:
        step = self.row.fault.step
        nth = {Step.RCPT: (self.struck - 1) * RECIPIENTS + 2, Step.QUIT: 1, Step.RSET: self.struck - 1}
        fault = self.row.fault
        if step not in EARLY_STEPS:
            fault = replace(fault, nth=nth.get(step, self.struck))
        return Settings(
            tls=self.tls,
            pipelining=self.pipelining,
            chunking=self.chunking,
            auth=("PLAIN",) if step is Step.AUTH else (),
            logins={"ann": "canary"},
            fault=fault,
            drip=0.25,
            buffers=32768 if step is Step.BODY and self.is_silent else None,
        )


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
    if step is Step.IDLE:
        return cell.mode is Mode.SEVERAL
    return True


def run(cell: Cell) -> Judgement:
    """Play it. Nothing raises: what is wrong is in the judgement."""
    window = Window()
    with ScriptedServer(cell.settings()) as server:
        messages = [_message(cell, number, server) for number in range(1, cell.messages + 1)]
        client = _Client(cell, server, window)
        if cell.mode is Mode.WINDOW:
            deliveries = client.send_window(messages)
        else:
            deliveries = {message.number: client.send(message) for message in messages}
        client.finish()
        server.wait_until_served(0.5)
    judgement = judge(deliveries, messages, window, server.log)
    if not server.log.struck.is_set():
        judgement.surprises.append("the fault did not come to pass")
    for message in messages:
        _compare(judgement, cell, message, deliveries[message.number], window)
    return judgement


@cache
def _client_context() -> ssl.SSLContext:
    return make_context(TlsSettings(authorities=authority().pem))


def _message(cell: Cell, number: int, server: ScriptedServer) -> Message:
    fault = cell.row.fault
    if fault.step is Step.BODY and number == cell.struck:
        return large(number, HUGE if fault.kind is Kind.SILENCE else LARGE, server.log.struck)
    return small(number)


class _Client:
    """Sends as a program would: on the session that is there, else on a new one."""

    def __init__(self, cell: Cell, server: ScriptedServer, window: Window) -> None:
        self._cell = cell
        self._server = server
        self._window = window
        self._session: Session | None = None

    def send(self, message: Message) -> Delivery:
        try:
            return self._ready().send(message.envelope, message.content)
        except SmtpError as error:
            return not_sent(message.envelope.recipients, error)

    def send_window(self, messages: list[Message]) -> dict[int, Delivery]:
        try:
            session = self._ready()
        except SmtpError as error:
            return {message.number: not_sent(message.envelope.recipients, error) for message in messages}
        pairs = [(message.envelope, message.content) for message in messages]
        return dict(enumerate(session.send_many(pairs, WINDOW), start=1))

    def finish(self) -> None:
        if self._session is not None:
            self._session.quit()

    def _ready(self) -> Session:
        if self._cell.row.fault.step is Step.IDLE and self._session is not None:
            self._server.log.struck.wait(0.05)
        if self._session is None or not self._session.is_alive():
            self._session = self._connected()
        return self._session

    def _connected(self) -> Session:
        cell, window = self._cell, self._window

        class Watched(Session):
            def __init__(self, stream: Stream, *args: Any, **settings: Any) -> None:
                super().__init__(Recorder(stream, window), *args, **settings)

        patience = SHORT if cell.is_silent else LONG
        timeouts = Timeouts(connect=patience, reply=patience, end_of_message=patience)
        session = Watched.connect(
            self._server.host,
            self._server.port,
            timeouts,
            implicit_tls=cell.tls == "ssl",
            context=_client_context(),
        )
        try:
            session.hello("client.test")
            if cell.tls == "starttls":
                session.start_tls()
                session.hello("client.test")
            if cell.row.fault.step is Step.AUTH:
                session.authenticate(PasswordCredentials("ann", "canary"))
        except SmtpError:
            session.close()
            raise
        return session


def _compare(judgement: Judgement, cell: Cell, message: Message, delivery: Delivery, window: Window) -> None:
    """Whether what was said of each recipient is what the matrix says."""
    for index, recipient in enumerate(delivery.recipients):
        allowed = _allowed(cell, message, index, window.is_open_for(message))
        if not any(_agrees(expected, recipient) for expected in allowed):
            failure = delivery.failure
            judgement.surprises.append(
                f"message {message.number}, recipient {index + 1}: {recipient.status}, "
                f"retryable {recipient.retryable}, expected {' or '.join(allowed)}; {failure}"
            )


def _allowed(cell: Cell, message: Message, index: int, in_window: bool) -> tuple[Expected, ...]:
    row, struck = cell.row, cell.struck
    if message.number == struck:
        if not row.whole and index != 1:
            return (Expected.SENT,)
        if cell.leaves_at_once and in_window and row.expected is not Expected.SENT and not _is_answered(cell):
            return (Expected.UNKNOWN,)
        return (row.expected, row.also) if row.also else (row.expected,)
    if message.number < struck or cell.mode is not Mode.WINDOW or cell.goes_on:
        if cell.mode is Mode.WINDOW and row.fault.step in EARLY_STEPS:
            return (Expected.NOT_SENT,)
        return (Expected.SENT,)
    if in_window:
        return (Expected.UNKNOWN, row.also) if row.also else (Expected.UNKNOWN,)
    return (Expected.NOT_SENT,)


def _is_answered(cell: Cell) -> bool:
    """Whether the fault is an answer that decides the message, even when all of it had been written."""
    return cell.row.fault.kind in (Kind.TEMPORARY, Kind.PERMANENT, Kind.SHUTDOWN, Kind.SAYS)


def _agrees(expected: Expected, recipient: RecipientDelivery) -> bool:
    unsent = recipient.status in (Status.REFUSED, Status.NOT_TRIED)
    return {
        Expected.SENT: recipient.status is Status.ACCEPTED,
        Expected.UNKNOWN: recipient.status is Status.UNKNOWN and not recipient.retryable,
        Expected.NOT_SENT: unsent,
        Expected.TEMPORARY: unsent and recipient.retryable,
        Expected.PERMANENT: unsent and not recipient.retryable,
    }[expected]
