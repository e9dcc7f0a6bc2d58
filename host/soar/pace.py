"""How many recipients an account may send to in a day, on the platform: counted in the asset's state.

Whatever sends over the asset is counted, whichever action run or process. Messages of a minute are those of one run.
"""

from __future__ import annotations

import time

from delivery.asset import Asset
from delivery.pace import HOUR, HOURS, RunPace, Wait, room_in_the_day
from host.soar.journal import LOCK_SECONDS, SharedState

_FIELD = "recipients_by_hour"


class StatePace(RunPace):
    """`delivery.pace.Pace` over an asset's state, which is locked while it is read and written."""

    def __init__(self, state: SharedState) -> None:
        super().__init__()
        self._state = state

    def turn(self, asset: Asset, recipients: int) -> Wait | None:
        """As `Pace.turn`. Raises `HostError`."""
        wait = super().turn(asset, recipients)
        if wait is not None or not asset.recipients_per_day:
            return wait
        now = time.time()
        hour = int(now // HOUR)
        with self._state.lock(LOCK_SECONDS):
            state = self._state.load()
            kept = state.get(_FIELD, {})
            spent = {int(name): count for name, count in kept.items() if int(name) > hour - HOURS}
            wait = room_in_the_day(sorted(spent.items()), recipients, asset.recipients_per_day, now)
            if wait is None:
                spent[hour] = spent.get(hour, 0) + recipients
                self._state.save({**state, _FIELD: {str(name): count for name, count in spent.items()}})
        return wait
