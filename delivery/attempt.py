"""One message on its way: as it was asked for, as this server gets it, and how it ended."""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

from message.address.mailbox import ascii_domain
from message.compose import Message
from smtp.envelope import Address
from smtp.errors import MailError
from smtp.outcome import Delivery


class Outgoing(Protocol):
    """A message of which everything is checked, before it is known what the server can take."""

    @property
    def sender(self) -> Address | None:
        """Whom it is from; None for nobody, whom no bounce can reach."""

    @property
    def recipients(self) -> tuple[Address, ...]: ...

    @property
    def redirected(self) -> tuple[Address, ...]:
        """Whom it would go to, were it not sent elsewhere."""

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """The message for a server that can or can't do 8BITMIME and SMTPUTF8.

        Raises `MailError`, `MessageError` and `AttachmentChanged` among them.
        """


class Remaining(NamedTuple):
    """A message for those of its recipients that don't have it yet: `addresses`, as they were told of."""

    outgoing: Outgoing
    addresses: frozenset[str]

    @property
    def sender(self) -> Address | None:
        return self.outgoing.sender

    @property
    def recipients(self) -> tuple[Address, ...]:
        return self._of(self.outgoing.recipients)

    @property
    def redirected(self) -> tuple[Address, ...]:
        return self.outgoing.redirected

    def compose(self, *, eight_bit: bool, smtputf8: bool) -> Message:
        """As `Outgoing.compose`: the same message, in an envelope for fewer."""
        message = self.outgoing.compose(eight_bit=eight_bit, smtputf8=smtputf8)
        return message._replace(envelope=message.envelope.to(self._of(message.envelope.recipients)))

    def _of(self, recipients: tuple[Address, ...]) -> tuple[Address, ...]:
        # A server that knows no SMTPUTF8 was told the domain as A-labels.
        return tuple(one for one in recipients if {str(one), str(ascii_domain(one))} & self.addresses)


class Facts(NamedTuple):
    """How the server was spoken to; texts are "" for what did not come about."""

    server: str = ""
    """Host and port."""
    tls_version: str = ""
    tls_cipher: str = ""
    auth_method: str = ""
    auth_mechanism: str = ""


_NO_FACTS = Facts()


class Takes(NamedTuple):
    """What a server takes, as far as messages differ by it."""

    eight_bit: bool
    smtputf8: bool
    dsn: bool


class Attempt:
    """One message of a run. It `has_ended` with a `delivery`, or with an `error` that came before any.

    One that could not even be prepared has no `outgoing`: it travels with the others, so that what became of them
    all is told in their order. `position` is its place in its run, from 1; 0 where there is no order. `started` is in
    seconds of `time.monotonic`. `has_turn` is set when its account may send it, `is_begun` when a session takes it,
    `is_committed` before the octets leave that can complete it: until then it certainly was not sent. `message` was
    composed for what `takes` says. `left` counts the servers that broke off before it was complete there.
    """

    def __init__(
        self,
        outgoing: Outgoing | None = None,
        position: int = 0,
        error: MailError | None = None,
        message: Message | None = None,
        delivery: Delivery | None = None,
        facts: Facts = _NO_FACTS,
    ) -> None:
        self.outgoing = outgoing
        self.position = position
        self.error = error
        self.message = message
        self.delivery = delivery
        self.facts = facts
        self.started = time.monotonic()
        self.has_turn = False
        self.is_begun = False
        self.is_committed = False
        self.takes: Takes | None = None
        self.left = 0
        self.has_ended = error is not None or delivery is not None

    def end(
        self, *, error: MailError | None = None, delivery: Delivery | None = None, facts: Facts = _NO_FACTS
    ) -> None:
        """Say what became of it. `has_ended` comes last: another thread may be waiting for it."""
        self.facts = facts
        self.error = error or self.error
        self.delivery = delivery or self.delivery
        self.has_ended = True


class Source(Protocol):
    """Where a session gets its attempts from."""

    def take(self, *, may_wait: bool) -> Attempt | None:
        """The next attempt; None when there is none, or none yet and the caller has something else to do."""

    def put_back(self, attempt: Attempt) -> None:
        """Let another session have an attempt that was taken, and of which nothing was sent."""
