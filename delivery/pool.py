"""Sessions that the runs of one asset share within a process: never more than a bound, and none that stays idle.

A run borrows a session for as long as it lasts. When it ends while other runs of the same asset go on, the
session waits for the next of them; when it was the last, or when it has waited too long, it is ended. So a
process that has one run at a time opens and ends one session for each, and leaves nothing behind.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from delivery.asset import Asset
from delivery.errors import NoTurn
from smtp.session import Session

IDLE_SECONDS = 30.0
WAIT_SECONDS = 60.0
LOOK_AGAIN = 0.2


class Slot(Protocol):
    """One connection's place among those that all processes of a machine may have at once."""

    def free(self) -> None:
        """Let others have it. Never raises."""


class Slots(Protocol):
    """The places of this machine; a port for hosts where several processes send over one account."""

    def take(self, asset: Asset) -> Slot | None:
        """A place for one more of the asset's `max_connections`, None while others have them all."""

    def wait(self, asset: Asset) -> Slot:
        """Let others know that somebody waits for a place, until what is returned is freed."""

    def is_wanted(self, asset: Asset) -> bool:
        """Whether somebody waits for a place. Never raises."""


class PooledSession(NamedTuple):
    """A session that is ready to send, and what its waits ask: whether the run that has it is to stop."""

    session: Session
    interrupt: Interrupt
    slot: Slot | None = None

    def end(self) -> None:
        """Say goodbye to the server, and give the place to others."""
        self.session.quit()
        if self.slot is not None:
            self.slot.free()


class Interrupt:
    """Called by a session while it waits; asks the run that has the session now, and may raise."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self.ask = ask

    def __call__(self) -> None:
        self.ask()


class _Shelf:
    """The sessions of one asset. `idle` holds each with the time since when, the longest first."""

    lent = 0
    waiting = 0
    idle: tuple[tuple[float, PooledSession], ...] = ()


class Pool:
    """Lends sessions, for several threads at once.

    Two runs share only what every field of their assets agrees on: host, port, TLS, user, credential and all
    else. A process that is forked off begins with an empty pool: its parent's sessions are its parent's.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin()
        # A lock that another thread held at the fork would be held for ever in the child.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._shelves: dict[Asset, _Shelf] = {}
        self._changed = threading.Condition()

    def lend(
        self,
        asset: Asset,
        connect: Callable[[], PooledSession | None],
        interrupt: Callable[[], None],
        *,
        may_wait: bool = True,
    ) -> PooledSession:
        """A session that is alive: one that is idle, else a new one, once fewer than `max_connections` are out.

        `connect` returns None while other programs have all the machine's connections to the account; a run of
        ours may give one back meanwhile, and would never be asked for it if it were waited for there. `interrupt` is
        called while anything is waited for. Raises what `connect` and `interrupt` raise, and `NoTurn`: at once
        where the caller may not wait.
        """
        deadline = self._clock() + (WAIT_SECONDS if may_wait else 0)
        with self._changed:
            shelf = self._shelves.setdefault(asset, _Shelf())
            shelf.waiting += 1
            try:
                while shelf.lent >= asset.max_connections:
                    interrupt()
                    if self._clock() >= deadline:
                        text = f"all {asset.max_connections} connections to the server are in use"
                        raise NoTurn(text, WAIT_SECONDS)
                    self._changed.wait(LOOK_AGAIN)
                shelf.lent += 1
            finally:
                shelf.waiting -= 1
        try:
            return self._idle_or_new(asset, shelf, connect, interrupt, deadline)
        except BaseException:
            self.give_back(asset, None, interrupt)
            raise

    def _idle_or_new(
        self,
        asset: Asset,
        shelf: _Shelf,
        connect: Callable[[], PooledSession | None],
        interrupt: Callable[[], None],
        deadline: float,
    ) -> PooledSession:
        """Look for one that is idle and alive, and connect where there is none, until `deadline`."""
        is_waiting = False
        try:
            while True:
                with self._changed:
                    since, idle = shelf.idle[-1] if shelf.idle else (0.0, None)
                    shelf.idle = shelf.idle[:-1]
                if idle is not None:
                    idle.interrupt.ask = interrupt
                    is_fresh = self._clock() - since <= IDLE_SECONDS
                    if is_fresh and idle.session.is_alive() and not idle.session.is_used_up:
                        return idle
                    idle.end()
                elif (new := connect()) is not None:
                    return new
                else:
                    interrupt()
                    if self._clock() >= deadline:
                        most = f"all {asset.max_connections} connections to the server"
                        raise NoTurn(f"other programs on this machine use {most}", WAIT_SECONDS)
                    with self._changed:
                        if not is_waiting:
                            shelf.waiting += 1
                            is_waiting = True
                        self._changed.wait(LOOK_AGAIN)
        finally:
            if is_waiting:
                with self._changed:
                    shelf.waiting -= 1

    def give_back(
        self,
        asset: Asset,
        pooled: PooledSession | None,
        interrupt: Callable[[], None],
        *,
        is_wanted_elsewhere: bool = False,
    ) -> None:
        """The run is over, or has no more use for its session; None where it has got none. Never raises.

        A run that is to stop, as `interrupt` says, does not wait for a server's answer to QUIT, on whichever session.
        Where another program waits for a place of this machine, none is kept by a session that lies idle.
        """
        now = self._clock()
        with self._changed:
            shelf = self._shelves[asset]
            shelf.lent -= 1
            if pooled is not None:
                pooled.interrupt.ask = _nobody
                shelf.idle = (*shelf.idle, (now, pooled))
            ends = [one for since, one in shelf.idle if now - since > IDLE_SECONDS or not one.session.is_open]
            if not shelf.waiting and (is_wanted_elsewhere or not shelf.lent):
                ends = [one for _, one in shelf.idle]
            if not shelf.waiting and not shelf.lent:
                del self._shelves[asset]
            shelf.idle = tuple([entry for entry in shelf.idle if entry[1] not in ends])
            self._changed.notify_all()
        for one in ends:
            one.interrupt.ask = interrupt
            one.end()

    def is_shared(self, asset: Asset) -> bool:
        """Whether more than one session of this asset is lent, or about to be."""
        with self._changed:
            shelf = self._shelves.get(asset)
            return shelf is not None and shelf.lent > 1

    def is_wanted(self, asset: Asset) -> bool:
        """Whether some run waits for a session of this asset."""
        with self._changed:
            shelf = self._shelves.get(asset)
            return shelf is not None and shelf.waiting > 0


def _nobody() -> None:
    """A session that lies idle has no run that could be told to stop."""
