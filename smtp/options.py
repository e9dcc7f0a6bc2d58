"""How a session behaves: what its user decides before there is a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smtp.errors import Step
from smtp.habits import Habits

if TYPE_CHECKING:
    import ssl

    from smtp.proxy.handshake import Proxy


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `reply` holds for one whole reply, and for the peer to take one chunk.

    RFC 5321 section 4.5.3.2.6 gives the reply to the end of a message ten minutes: a client that gives up
    earlier than the server makes doubled mail. While that reply is due, the peer may take as long with a write.
    """

    connect: float = 15.0
    reply: float = 60.0
    end_of_message: float = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    """`use_pipelining` and `use_chunking` switch the extensions off for servers that get them wrong."""

    timeouts: Timeouts = Timeouts()
    implicit_tls: bool = False
    """TLS from the first octet (RFC 8314 section 3.3)."""
    context: ssl.SSLContext | None = None
    """For TLS now or later; None is one that trusts the system's authorities."""
    use_pipelining: bool = True
    use_chunking: bool = True
    habits: Habits = field(default_factory=Habits)
    """What is known of the server; sessions that share it learn from each other."""
    proxy: Proxy | None = None
    """What to connect through."""
    server_name: str = ""
    """The name that the certificate has to be for; "" is the host's."""
    interrupt: Callable[[], None] | None = None
    """Called while anything is waited for; what it raises (`Cancelled`) ends the wait and the connection."""
    reached: Callable[[Step], None] | None = None
    """Called when a step on the way to the server's greeting went well."""
