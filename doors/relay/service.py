"""One listener's service: whose mail server it is the way to, and under which rules. Shared by all its clients."""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from doors.relay.admission import Admission
from doors.relay.client_tokens import ClientTokens
from doors.relay.limits import Limits
from doors.relay.log import Log
from doors.relay.spool import Spool
from doors.relay.upstream import Upstream
from smtp.errors import Cancelled, Step


@dataclass(slots=True)
class Service:
    """`name` is what is announced: the asset, or the destination with its tenant."""

    name: str
    upstream: Upstream
    admission: Admission
    limits: Limits
    log: Log
    host_name: str
    tls: ssl.SSLContext | None = None
    tokens: ClientTokens | None = None
    """Where clients bring the token to log in with."""
    dsn_notify: str = ""
    dsn_ret: str = ""
    spool: Spool | None = None
    """Where mails are kept until they are sent; None where they go through at once."""
    process: str = ""
    """What the names that this process gives begin with, where there are others."""
    is_stopping: bool = False
    _stops_at: float = 0.0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def next_number(self) -> str:
        """A name for a client's connection in the log, and for a mail in its Received field."""
        return f"{self.process}{next(self._numbers):x}.{time.time_ns() // 1_000_000:x}"

    def stop(self, seconds: float) -> None:
        """Take no new mail; those under way have so many seconds left."""
        self._stops_at = time.monotonic() + seconds
        self.is_stopping = True

    def sweep(self) -> None:
        """End what nobody has used for a while."""
        self.upstream.sweep()
        if self.tokens is not None:
            self.tokens.sweep()

    def close(self) -> None:
        self.upstream.close()
        if self.tokens is not None:
            self.tokens.close()

    def raise_if_over(self) -> None:
        """Called while something is waited for. Raises `Cancelled` when the relay's time is up."""
        if self.is_stopping and time.monotonic() > self._stops_at:
            raise Cancelled("the relay is being stopped", step=Step.CONNECT)
