"""What one relay, and one client of it, may use. Whoever goes beyond is told so, and the others don't feel it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Times are in seconds, sizes in octets."""

    clients: int = 250
    """Connections at once, over all listeners. One more is told 421 and closed."""
    command_seconds: float = 300.0
    """For one whole command line (RFC 5321 section 4.5.3.2.7)."""
    piece_seconds: float = 180.0
    """For the next octets of a message (section 4.5.3.2.5)."""
    message_seconds: float = 3600.0
    """For a whole mail, from MAIL to the end of the message."""
    commands: int = 1000
    """In a row without a message; recipients and chunks do not count."""
    mistakes: int = 20
    """Of one client: what is no command, or comes where it may not, or is refused here."""
    recipients: int = 10_000
    """Of one message."""
    message: int = 256 * MIB
    lend_seconds: float = 5.0
    """How long a client waits for one of the connections of a mailbox."""
    drain_seconds: float = 30.0
    """How long messages that are under way may take once the relay is asked to stop."""
    idle_seconds: float = 20.0
    """How long a session with the mail server is kept for the next client; with a login half of that."""
