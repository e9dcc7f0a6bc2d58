"""The way to one account's mail server: sessions lent to one mail at a time, and kept for the next.

Without a login there may be as many as there are clients. With one the account's `max_connections` hold, over all
processes of this machine, and who finds them all in use waits a little, then is told to come again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from auth.errors import AuthError
from delivery.asset import Asset
from delivery.audience import audience
from delivery.pace import Pace
from delivery.pool import Slot, Slots
from delivery.transport import Access
from doors.relay.limits import Limits
from doors.relay.pace import is_limited, take_turn
from smtp.errors import AuthenticationRefused, MailError, Step, TimedOut
from smtp.extensions import Extensions
from smtp.session import Session

REFUSED_SECONDS = 60.0
"""So long a login that was refused isn't shown again: servers lock accounts for that."""
TROUBLE_SECONDS = 5.0
"""So long what the server offers isn't asked for again after it could not be had."""
OFFERS_SECONDS = 600.0
KEPT_SECONDS = 1.0
"""So long a connection is kept although another process waits for its place: each has to be logged in anew."""
_LOOK_AGAIN = 0.1


@dataclass(slots=True)
class Lent:
    """A session that one mail has for itself. `is_used` tells that it served before."""

    session: Session
    slot: Slot | None
    most: int | None = None
    """Messages that the server takes on one connection (LIMITS MAILMAX, RFC 9422); None for any number."""
    is_used: bool = False
    since: float = 0.0
    """When it was given back last."""
    opened: float = 0.0

    @property
    def is_spent(self) -> bool:
        """The server takes no further message on this connection."""
        return self.most is not None and self.session.begun >= self.most

    def end(self) -> None:
        self.session.quit()
        if self.slot is not None:
            self.slot.free()

    def drop(self) -> None:
        """Let go of it without a word."""
        self.session.close()
        if self.slot is not None:
            self.slot.free()


@dataclass(slots=True)
class _Offers:
    extensions: Extensions
    until: float


class Upstream:
    """The sessions of one account. For several threads at once."""

    def __init__(
        self,
        asset: Asset,
        open_access: Callable[[], Access],
        limits: Limits,
        slots: Slots | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.asset = asset
        self.has_login = bool(asset.login.username)
        self._open_access = open_access
        self._limits = limits
        self._slots = slots
        self._pace = pace if is_limited(asset) else None
        self.audience = audience(asset)
        """Whom the account may write to."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._idle: list[Lent] = []
        self._lent = 0
        self._access: Access | None = None
        self._refusal: tuple[float, MailError] | None = None
        self._offers: _Offers | None = None
        self._is_closed = False

    @property
    def server(self) -> str:
        return f"{self.asset.server}:{self.asset.port}"

    def keep_pace(self) -> None:
        """Count one mail. Raises `TooFast` where the mailbox has sent its share for now, and `StoreError`."""
        if self._pace is not None:
            take_turn(self._pace, self.asset)

    def lend(self, interrupt: Callable[[], None], *, is_checked: bool = False) -> Lent:
        """A session that is ready for MAIL. `interrupt` is called while anything is waited for, and may raise.

        One that lay idle may be at its end by now, which shows when MAIL is said; `is_checked` lends none such.
        Raises `MailError`: why there is none.
        """
        if self.has_login:
            self._take_place()
        try:
            while self._idle:
                with self._lock:
                    idle = self._idle.pop() if self._idle else None
                if idle is None:
                    break
                if not is_checked or idle.session.is_alive():
                    return idle
                idle.end()
            return self._open(interrupt)
        except BaseException:
            if self.has_login:
                self._leave_place()
            raise

    def give_back(self, lent: Lent) -> None:
        """The mail is over. Never raises."""
        lent.is_used, lent.since = True, time.monotonic()
        is_kept = lent.session.is_usable and not lent.is_spent and not self._is_wanted_elsewhere(lent)
        with self._lock:
            is_kept = is_kept and not self._is_closed
            if is_kept:
                self._idle.append(lent)
        if not is_kept:
            lent.end()
        if self.has_login:
            self._leave_place()

    def offers(self, interrupt: Callable[[], None]) -> Extensions:
        """What the server said last that it offers; asked for now if nobody did. Nothing if it can't be had."""
        known = self._offers
        if known is not None and known.until > time.monotonic():
            return known.extensions
        try:
            self.give_back(self.lend(interrupt))
        except MailError:
            extensions = known.extensions if known is not None else Extensions()
            self._offers = _Offers(extensions, time.monotonic() + TROUBLE_SECONDS)
        return self._offers.extensions if self._offers is not None else Extensions()

    def sweep(self) -> None:
        """End the sessions that nobody has wanted for a while. Never raises."""
        patience = self._limits.idle_seconds / (2 if self.has_login else 1)
        now = time.monotonic()
        with self._lock:
            kept: list[Lent] = []
            old: list[Lent] = []
            for lent in self._idle:
                is_old = now - lent.since > patience or self._is_wanted_elsewhere(lent)
                (old if is_old else kept).append(lent)
            self._idle = kept
        for lent in old:
            lent.end()

    def close(self) -> None:
        """End all sessions that lie idle, and those that come back from now on. Never raises."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for lent in idle:
            lent.end()

    # -- inside ------------------------------------------------------------------------------------------------

    def _take_place(self) -> None:
        """Wait for room among the connections that the account may have. Raises `TimedOut`."""
        most = self.asset.max_connections
        deadline = time.monotonic() + self._limits.lend_seconds
        with self._changed:
            while self._lent >= most:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _all_in_use(most)
                self._changed.wait(left)
            self._lent += 1

    def _leave_place(self) -> None:
        with self._changed:
            self._lent -= 1
            self._changed.notify()

    def _open(self, interrupt: Callable[[], None]) -> Lent:
        access = self._ready_access()
        slot = self._take_slot(interrupt)
        try:
            session = access.connect_and_log_in(interrupt)
        except (AuthenticationRefused, AuthError) as exc:
            if not exc.retryable:
                self._refusal = time.monotonic() + REFUSED_SECONDS, exc
            _free(slot)
            raise
        except BaseException:
            _free(slot)
            raise
        self._offers = _Offers(session.extensions, time.monotonic() + OFFERS_SECONDS)
        most = session.extensions.limits.get("MAILMAX")
        return Lent(session, slot, most, opened=time.monotonic())

    def _ready_access(self) -> Access:
        """Made when it is first needed, and anew some time after a login was refused. Raises `MailError`."""
        if self._refusal is not None:
            until, refusal = self._refusal
            if time.monotonic() < until:
                raise refusal
            self._refusal = self._access = None
        if self._access is None:
            self._access = self._open_access()
        return self._access

    def _take_slot(self, interrupt: Callable[[], None]) -> Slot | None:
        """A place among the connections of this machine: first those who wait for one get it. Raises `TimedOut`."""
        slots, asset = self._slots, self.asset
        if slots is None or not self.has_login:
            return None
        slot = None if slots.is_wanted(asset) else slots.take(asset)
        if slot is not None:
            return slot
        deadline = time.monotonic() + self._limits.lend_seconds
        waiting = slots.wait(asset)
        try:
            while slot is None:
                interrupt()
                if time.monotonic() >= deadline:
                    raise _all_in_use(asset.max_connections)
                time.sleep(_LOOK_AGAIN)
                slot = slots.take(asset)
        finally:
            waiting.free()
        return slot

    def _is_wanted_elsewhere(self, lent: Lent) -> bool:
        """Whether another process waits for this connection's place, and it was had for a while."""
        if self._slots is None or lent.slot is None or time.monotonic() - lent.opened < KEPT_SECONDS:
            return False
        return self._slots.is_wanted(self.asset)


def _all_in_use(most: int) -> TimedOut:
    return TimedOut(
        f"all {most} connections to the mail server are in use; try again soon", step=Step.CONNECT
    )


def _free(slot: Slot | None) -> None:
    if slot is not None:
        slot.free()
