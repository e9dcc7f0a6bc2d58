"""One session for a run: borrowed when it is first needed, and another one when that is gone."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from delivery.access import Access
from delivery.attempt import Facts
from delivery.pool import LOOK_AGAIN, WAIT_SECONDS, Interrupt, Pool, PooledSession, Slot
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import ConnectionLost, Step, TimedOut
from smtp.outcome import Delivery, Outcome
from smtp.session import Session


class Transport:
    """A run's way to the server: `with Transport(access, pool) as transport`. Not for several threads at once.

    Without `may_wait` it takes no connection that others wait for, or that is not free at once. Raises `SmtpError`
    and `AuthError`.
    """

    def __init__(self, access: Access, pool: Pool, *, may_wait: bool = True) -> None:
        self.access = access
        self.pool = pool
        self._may_wait = may_wait
        self._pause = threading.Event()
        self._borrowed: PooledSession | None = None
        self._served = 0
        self._most: int | None = None
        self.committed = 0
        """How many messages came to the point of no return."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a session that can be sent over."""
        return self._borrowed is not None and self._borrowed.session.is_open

    @property
    def facts(self) -> Facts:
        """How the server was spoken to."""
        server = self.access.server
        if self._borrowed is None:
            return Facts(server, auth_method=self.access.tried)
        session = self._borrowed.session
        version, cipher = (session.tls.version, session.tls.cipher) if session.tls else ("", "")
        return Facts(server, version, cipher, self.access.tried, session.auth_mechanism)

    def session(self) -> Session:
        """The session, as it was left, or a new one."""
        borrowed = self._borrowed
        if borrowed is None or borrowed.session.is_used_up or not borrowed.session.is_alive():
            self.close()
            borrowed = self._borrowed = self.pool.lend(
                self.access.asset, self._connect, self.access.raise_if_cancelled, may_wait=self._may_wait
            )
            self._served = 0
        return borrowed.session

    def send(self, envelope: Envelope, content: Content) -> Delivery:
        """Send over the session, and once more over another if the server closed it before this message.

        Only a message that certainly was not sent is tried again, and only when the connection was one that
        had served before: its end says nothing about the message.
        """
        session = self.session()
        reused = session.has_sent
        delivery = session.send(envelope, content)
        self.learn(delivery)
        if reused and was_closed_before(delivery):
            delivery = self.session().send(envelope, content)
            self.learn(delivery)
        return delivery

    def room(self) -> int | None:
        """How many messages the session may be given before the end of the last is waited for; None is no limit.

        Some servers close a connection after so many messages, and don't say how many (RFC 9422 would have them
        do it). What was in flight behind the last one may then be anywhere. So where one has closed, the next
        connection gets as many as that one took, and from there on one at a time.
        """
        return None if self._most is None else max(1, self._most - self._served)

    def learn(self, delivery: Delivery) -> None:
        """Draw the lesson for `room` from a delivery over the session."""
        if _was_closed(delivery):
            self._most = self._served or None
            return
        self._served += 1
        if self._most is not None and self._served > self._most:
            self._most = None

    def close(self) -> None:
        """Give the session back. Never raises."""
        if self._borrowed is not None:
            self.access.observer.session_ended(self._borrowed.session.transcript)
            self.pool.give_back(self.access.asset, self._borrowed)
            self._borrowed = None

    def _connect(self) -> PooledSession:
        interrupt = Interrupt(self.access.raise_if_cancelled)
        slot = self._take_slot()
        try:
            return PooledSession(self.access.connect_and_log_in(interrupt), interrupt, slot)
        except BaseException:
            if slot is not None:
                slot.free()
            raise

    def _take_slot(self) -> Slot | None:
        """Wait for a place among the connections of this machine. Raises `TimedOut` and `Cancelled`."""
        slots, asset = self.access.slots, self.access.asset
        if slots is None:
            return None
        deadline = time.monotonic() + (WAIT_SECONDS if self._may_wait else 0)
        told = False
        while (slot := slots.take(asset)) is None:
            self.access.raise_if_cancelled()
            if time.monotonic() >= deadline:
                text = f"other programs on this machine use all {asset.max_connections} connections to the server"
                raise TimedOut(text, step=Step.CONNECT)
            if not told:
                told = True
                self.access.observer.progress(
                    "Other programs on this machine use all connections to the server; waiting for one."
                )
            self._pause.wait(LOOK_AGAIN)
        return slot


def was_closed_before(delivery: Delivery) -> bool:
    """The server hung up, or said 421, before it could judge the message: no recipient was sent anything.

    An answer to the whole message, 421 too, comes after the point of no return: nothing is retried then.
    """
    failure = delivery.failure
    if delivery.outcome is not Outcome.NOT_SENT or failure is None or failure.step is Step.END:
        return False
    return _was_closed(delivery)


def _was_closed(delivery: Delivery) -> bool:
    failure = delivery.failure
    if failure is None or isinstance(failure, TimedOut):
        return False
    return isinstance(failure, ConnectionLost) or failure.code == 421
