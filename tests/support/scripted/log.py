"""What the server saw and did. The messages it accepted are the judge of every claim that a client makes."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from tests.support.scripted.settings import Step


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message the server took responsibility for. Addresses and parameters are as on the wire."""

    connection: int
    sender: str
    parameters: tuple[str, ...]
    recipients: tuple[str, ...]
    recipient_parameters: tuple[tuple[str, ...], ...]
    content: bytes
    """Without dot-stuffing."""
    by: str
    """DATA or BDAT."""
    tls: str
    username: str
    mechanism: str


@dataclass(slots=True)
class Log:
    """Shared by all connections of one server; every method is safe to call from any thread."""

    accepted: list[Accepted] = field(default_factory=list)
    commands: list[tuple[int, bytes]] = field(default_factory=list)
    """Connection number and command line without its CRLF, in the order of arrival."""
    answers: list[bytes] = field(default_factory=list)
    """What was said in logins, line by line, after the AUTH command."""
    clear: bytearray = field(default_factory=bytearray)
    """All octets that came before TLS, or without it."""
    violations: list[str] = field(default_factory=list)
    """Where the client broke a rule of SMTP."""
    connections: int = 0
    octets_read: Counter[int] = field(default_factory=Counter)
    octets_written: Counter[int] = field(default_factory=Counter)
    """By connection number, inside TLS where there is TLS."""
    struck: threading.Event = field(default_factory=threading.Event)
    """Set once the fault has been committed."""
    _occurrences: Counter[Step] = field(default_factory=Counter)
    _ended: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self) -> int:
        with self._lock:
            self.connections += 1
            return self.connections

    def occurred(self, step: Step) -> int:
        """Count one more occurrence of this step, over all connections."""
        with self._lock:
            self._occurrences[step] += 1
            return self._occurrences[step]

    def ended(self) -> int:
        """Count one more message that has come to its end, over all connections."""
        with self._lock:
            self._ended += 1
            return self._ended

    def accept(self, message: Accepted) -> None:
        self.accepted.append(message)

    def complain(self, text: str) -> None:
        self.violations.append(text)

    def verbs(self, connection: int | None = None) -> list[str]:
        """The verbs of the command lines, upper case, of one connection or of all."""
        chosen = (line for number, line in self.commands if connection in (None, number))
        return [line.split(b" ")[0].split(b":")[0].decode("ascii", "replace").upper() for line in chosen]
