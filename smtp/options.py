"""How a session behaves: what its user decides before there is a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from smtp.errors import Step
from smtp.habits import Habits

if TYPE_CHECKING:
    import ssl

    from smtp.proxy.handshake import Proxy


class Timeouts(NamedTuple):
    """Seconds. `reply` holds for one whole reply, and for the peer to take one chunk.

    RFC 5321 section 4.5.3.2.6 gives the reply to the end of a message ten minutes: a client that gives up
    earlier than the server makes doubled mail. While that reply is due, the peer may take as long with a write.
    """

    connect: float = 15.0
    reply: float = 60.0
    end_of_message: float = 600.0


_PATIENT = Timeouts()


class Options:
    """`use_pipelining` and `use_chunking` switch the extensions off for servers that get them wrong."""

    def __init__(
        self,
        timeouts: Timeouts = _PATIENT,
        implicit_tls: bool = False,
        context: ssl.SSLContext | None = None,
        use_pipelining: bool = True,
        use_chunking: bool = True,
        habits: Habits | None = None,
        proxy: Proxy | None = None,
        server_name: str = "",
        interrupt: Callable[[], None] | None = None,
        reached: Callable[[Step], None] | None = None,
    ) -> None:
        self.timeouts = timeouts
        self.implicit_tls = implicit_tls
        """TLS from the first octet (RFC 8314 section 3.3)."""
        self.context = context
        """For TLS now or later; None is one that trusts the system's authorities."""
        self.use_pipelining = use_pipelining
        self.use_chunking = use_chunking
        self.habits = habits or Habits()
        """What is known of the server; sessions that share it learn from each other."""
        self.proxy = proxy
        """What to connect through."""
        self.server_name = server_name
        """The name that the certificate has to be for; "" is the host's."""
        self.interrupt = interrupt
        """Called while anything is waited for; what it raises (`Cancelled`) ends the wait and the connection."""
        self.reached = reached
        """Called when a step on the way to the server's greeting went well."""
