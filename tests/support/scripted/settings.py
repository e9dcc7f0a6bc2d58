"""What a scripted server offers, and the one thing that it gets wrong."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Step(StrEnum):
    """What the server is about to answer, or wait for, when the fault strikes."""

    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    TLS = "TLS"
    """The handshake itself, after STARTTLS or from the first byte."""
    EHLO_AFTER_TLS = "EHLO after TLS"
    AUTH = "AUTH"
    """The last reply of a login; see `Settings.challenges` for what comes before."""
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    """While octets of the message arrive, before the last of them is read."""
    CHUNK = "chunk"
    """The reply to a BDAT that is not the last."""
    END = "end"
    """The reply to the lone dot, or to BDAT LAST."""
    IDLE = "idle"
    """Straight after the reply to a whole message."""
    RSET = "RSET"
    NOOP = "NOOP"
    VRFY = "VRFY"
    QUIT = "QUIT"


class Kind(StrEnum):
    """What goes wrong."""

    TEMPORARY = "4xx"
    PERMANENT = "5xx"
    SHUTDOWN = "421"
    """A 421 reply, then the connection is closed."""
    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"
    """No answer, the connection stays open."""
    HALF_LINE = "half a line"
    """A right reply without its end, then the connection is closed."""
    STALL = "stalled line"
    """A right reply without its end, then silence."""
    GARBAGE = "garbage"
    HUGE = "huge"
    """A right reply whose text is far longer than any line may be."""
    ENDLESS = "endless"
    """A right reply that goes on, line after line, for as long as anybody reads."""
    EXTRA = "extra"
    """The right reply and another one nobody asked for, in one packet."""
    EARLY = "early"
    """At BODY: a reply before the message is complete."""
    WRONG_CODE = "wrong code"
    MIXED = "mixed codes"
    """A reply of two lines whose codes differ (RFC 5321 section 4.2.1 forbids it)."""
    DRIP = "drip"
    """The right reply, one byte at a time, slowly."""
    SAYS = "says"
    """The reply that the fault names, whatever it is; the dialogue goes on."""


class Behind(StrEnum):
    """What a server does with what comes behind a last chunk that it has refused: RFC 3030 section 2 leaves it open."""

    FORGETS = "forgets"
    """The transaction is over."""
    KEEPS = "keeps"
    """It stays open, with its recipients, until RSET: another MAIL is out of place."""
    ADDS = "adds"
    """The same, but another MAIL is accepted, and what it announces gets the recipients that were there."""
    WANTS_RSET = "wants RSET"
    """Nothing but RSET and QUIT is taken."""
    REFUSES_RSET = "refuses RSET"
    """The transaction is over, and RSET is not known."""
    SAYS_FAREWELL = "says farewell"
    """What comes next is answered with 421, and the connection closed."""
    CLOSES = "closes"
    """The connection is closed without a word."""
    DROPS_INPUT = "drops input"
    """What has arrived by then is thrown away."""


REFUSALS = frozenset({Kind.TEMPORARY, Kind.PERMANENT, Kind.SHUTDOWN})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: at `step`, from its `nth` occurrence on (counted over all connections), `times` times.

    `reply` replaces what the kind would say, whole, with its CRLF. `acted` says whether the server has done
    what it was asked although its answer is faulty; None: not when it refused, otherwise yes.
    `after` is the number of octets of the message that are read before a fault at BODY strikes.
    """

    step: Step
    kind: Kind
    nth: int = 1
    times: int = 1
    reply: bytes = b""
    acted: bool | None = None
    after: int = 0

    @property
    def took_effect(self) -> bool:
        return self.acted if self.acted is not None else self.kind not in REFUSALS

    def strikes(self, step: Step, occurrence: int) -> bool:
        return step is self.step and self.nth <= occurrence < self.nth + self.times


@dataclass(frozen=True, slots=True)
class Cut:
    """End the `connection`-th connection once so many octets were `read` from, or `written` to, the client.

    Octets of the dialogue, so those inside TLS where there is TLS. `hard` resets instead of closing.
    """

    read: int | None = None
    written: int | None = None
    connection: int = 1
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the server is like. Times are seconds, `size` octets (None: no SIZE; 0: SIZE without a limit)."""

    tls: str = "plain"
    """plain, starttls or ssl."""
    context: ssl.SSLContext | None = None
    """None: the tests' good certificate."""
    pipelining: bool = True
    chunking: bool = True
    eight_bit: bool = True
    smtputf8: bool = True
    enhanced: bool = True
    size: int | None = 0
    limits: str = ""
    """The arguments of LIMITS (RFC 9422), as they are told."""
    extra: tuple[str, ...] = ()
    """More capability lines."""
    before_tls: tuple[str, ...] = ()
    """More capability lines, told before STARTTLS only."""
    auth: tuple[str, ...] = ()
    """Mechanisms told and understood; over plain connections too. A login is then demanded before MAIL."""
    logins: Mapping[str, str] = field(default_factory=dict)
    """Name to password or token."""
    challenges: tuple[bytes, ...] = ()
    """Lines sent, one for each answer, in place of the mechanism's own dialogue before its last reply."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Recipient to the reply it gets."""
    max_recipients: int | None = None
    """Recipients per transaction; a further one gets 452."""
    max_messages: int | None = None
    """Messages per connection; a further MAIL gets 421 and the connection is closed."""
    max_errors: int | None = None
    """Refusals without a message in between; behind the last of them come 421 and the end, as with Postfix."""
    closes_after: int | None = None
    """Messages per connection; behind the reply to the last of them the connection is closed."""
    closes_with: bytes = b""
    """What is said before that."""
    keeps_chunks: bool = False
    """What is in a chunk that is refused is taken for commands (emersion/go-smtp issue 315)."""
    says_before_end: bytes = b""
    """One more reply to every BDAT LAST, ahead of the one to the message."""
    says_behind_end: bytes = b""
    """The same behind it (SubEthaSMTP has two)."""
    refuses_every: int | None = None
    """Every so-manyth message is refused at its end."""
    behind_refused: Behind = Behind.FORGETS
    end_delay: float = 0.0
    """Waited before the reply to a message; nothing is read meanwhile."""
    vrfy: bytes = b"252 2.5.0 send some mail, then we shall see\r\n"
    lenient: bool = False
    """354 to DATA, and 250 to the end, although no recipient was accepted."""
    ends: tuple[bytes, ...] = (b"\r\n.\r\n",)
    """What ends a message in DATA. Sloppy servers take more for it than the standard has."""
    fault: Fault | None = None
    cut: Cut | None = None
    byte_by_byte: bool = False
    """Every octet of the server's is a packet of its own."""
    delay: float = 0.0
    """Waited before each reply."""
    drip: float = 0.02
    """Between the octets of a DRIP fault."""
    buffers: int | None = None
    """SO_RCVBUF and SO_SNDBUF of each connection, in octets, to make a peer that does not read felt early."""
    lifetime: float = 120.0
    """After so long the server stops by itself, whatever is going on."""
