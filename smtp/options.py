"""How a session behaves: what its user decides before there is a connection, and what its server was found to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from smtp.errors import Step

if TYPE_CHECKING:
    import ssl

    from smtp.proxy.handshake import Proxy


class Timeouts(NamedTuple):
    """Seconds. `reply` holds for one whole reply, and for the peer to take one chunk.

    RFC 5321 section 4.5.3.2.6 gives the reply to the end of a message ten minutes: a client that gives up earlier may
    send again what the server goes on to deliver. While that reply is due, the peer may take as long with a write.
    """

    connect: float = 15.0
    reply: float = 60.0
    end_of_message: float = 600.0


_PATIENT = Timeouts()


class Habits:
    """What one server was found to do, though it doesn't say so: learned on one connection, heeded on the next ones.

    Give all sessions to it the same one (`Options.habits`); several threads may use it.
    """

    most_recipients: int | None = None
    """So many recipients it took in one transaction before it said that there were too many."""
    proven_recipients = 0
    """So many it did take in one transaction."""
    most_messages: int | None = None
    """After so many messages it closed a connection."""
    is_sure_of_most_messages = False
    """It did so twice. Until then a connection is given more, but nothing in flight behind that message."""
    is_wrong_about_chunks = False
    """It answered a chunk twice, or took what was in one for commands: it gets its messages by DATA."""
    is_surprising = False
    """Messages are not to be in flight together: something came that should not have."""

    def closed_after(self, messages: int) -> None:
        """The server closed a connection between two messages, after so many."""
        if messages:
            self.is_sure_of_most_messages = messages == self.most_messages
            self.most_messages = messages

    def served(self, messages: int) -> None:
        """The server has dealt with so many messages on one connection."""
        if self.most_messages is not None and messages > self.most_messages:
            self.most_messages, self.is_sure_of_most_messages = None, False

    def took_no_more_than(self, recipients: int) -> None:
        """The server accepted so many recipients in one transaction, and refused the next as too many."""
        self.most_recipients = min(recipients, self.most_recipients or recipients)


class Options(NamedTuple):
    """`use_pipelining` and `use_chunking` switch the extensions off for servers that get them wrong."""

    timeouts: Timeouts = _PATIENT
    implicit_tls: bool = False
    """TLS from the first octet (RFC 8314 section 3.3)."""
    context: ssl.SSLContext | None = None
    """For TLS now or later; None is one that trusts the system's authorities."""
    use_pipelining: bool = True
    use_chunking: bool = True
    habits: Habits | None = None
    """What is known of the server; sessions that share it learn from each other. None: nothing yet."""
    proxy: Proxy | None = None
    """What to connect through."""
    server_name: str = ""
    """The name that the certificate has to be for; "" is the host's."""
    interrupt: Callable[[], None] | None = None
    """Called while anything is waited for; what it raises (`Cancelled`) ends the wait and the connection."""
    reached: Callable[[Step], None] | None = None
    """Called when a step on the way to the server's greeting went well."""
