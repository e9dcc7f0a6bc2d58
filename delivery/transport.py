"""One session for a run: borrowed when it is first needed, and another one when that is gone."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from delivery.access import Access
from delivery.attempt import Facts
from delivery.pool import Interrupt, Pool, PooledSession, Slot
from smtp.content import Content
from smtp.envelope import Envelope
from smtp.errors import MailError
from smtp.outcome import Delivery, Outcome
from smtp.session import Session
from smtp.transaction import Committing


class Transport:
    """A run's way to the server: `with Transport(access, pool) as transport`. Not for several threads at once.

    Without `may_wait` it takes no connection that others wait for, or that is not free at once. Raises `SmtpError`
    and `AuthError`.
    """

    def __init__(self, access: Access, pool: Pool, *, may_wait: bool = True) -> None:
        self.access = access
        self.pool = pool
        self._may_wait = may_wait
        self._told_waiting = False
        self._borrowed: PooledSession | None = None
        self._waiting: Slot | None = None
        """What tells other processes that this run waits for a connection."""
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
        if borrowed is not None and (borrowed.session.is_used_up or not borrowed.session.is_alive()):
            self.close()
            borrowed = None
        if borrowed is None:
            try:
                borrowed = self._borrowed = self.pool.lend(
                    self.access.asset, self._connect, self.access.raise_if_cancelled, may_wait=self._may_wait
                )
            finally:
                if self._waiting is not None:
                    self._waiting.free()
                    self._waiting = None
        return borrowed.session

    def send(self, envelope: Envelope, content: Content, committing: Committing) -> Delivery:
        """Send one message, over as many connections as it takes: see `Delivery.elsewhere`."""
        delivery = self.session().send(envelope, content, committing)
        return self.send_the_rest(delivery, envelope, content, committing)

    def send_the_rest(
        self, delivery: Delivery, envelope: Envelope, content: Content, committing: Committing
    ) -> Delivery:
        """Go on with those recipients that another connection can do better with at once."""
        while rest := delivery.elsewhere:
            try:
                session = self.session()
            except MailError:
                if delivery.outcome is Outcome.NOT_SENT:
                    raise
                return delivery
            delivery = delivery.continued(session.send(envelope.to(rest), content, committing))
        return delivery

    def close(self) -> None:
        """Give the session back. Never raises."""
        if self._borrowed is not None:
            self.access.observer.session_ended(self._borrowed.session.transcript)
            self.pool.give_back(self.access.asset, self._borrowed, self.access.raise_if_cancelled)
            self._borrowed = None

    def _connect(self) -> PooledSession | None:
        """A new session; None while other programs have all connections of this machine to the account."""
        interrupt = Interrupt(self.access.raise_if_cancelled)
        slot: Slot | None = None
        if self.access.slots is not None:
            slot = self.access.slots.take(self.access.asset)
            if slot is None:
                if self._may_wait and self._waiting is None:
                    self._waiting = self.access.slots.wait(self.access.asset)
                if self._may_wait and not self._told_waiting:
                    self._told_waiting = True
                    self.access.observer.progress(
                        "Other programs on this machine use all connections to the server; waiting for one."
                    )
                return None
        try:
            return PooledSession(self.access.connect_and_log_in(interrupt), interrupt, slot)
        except BaseException:
            if slot is not None:
                slot.free()
            raise
