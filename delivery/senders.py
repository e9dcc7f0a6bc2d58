"""Sessions of an application that logs in as each mail's sender: one for each sender, the latest few kept open."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from delivery.transport import Transport


class Senders:
    """The transports of a run's senders: `with Senders(transport) as senders`. Not for several threads at once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._most = transport.access.asset.max_connections
        self._kept: dict[str, Transport] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._kept:
            self._close(next(iter(self._kept)))

    def transport_of(self, sender: str) -> Transport:
        """Return the way to the server as `sender`. Raises `AuthError` where nobody can log in so."""
        own = self._kept.pop(sender, None)
        if own is None:
            if len(self._kept) >= self._most:
                self._close(next(iter(self._kept)))  # that of whom nothing was sent for the longest time
            own = Transport(self._transport.access.as_sender(sender), self._transport.pool)
        self._kept[sender] = own
        return own

    def _close(self, sender: str) -> None:
        own = self._kept.pop(sender)
        self._transport.committed += own.committed
        own.close()
