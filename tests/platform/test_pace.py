"""Recipients of a day on the platform: counted in the asset's state, for every action run of the asset."""

from __future__ import annotations

import pytest

from auth.settings import Login
from delivery.asset import Asset
from host.soar import pace
from host.soar.pace import StatePace
from tests.platform.test_keys import Clock, MemoryState

ASSET = Asset(Login("1", "mail.example.com", 25), "None")._replace(recipients_per_day=10)
HOUR = 3600


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.now = 1_000_000.0 * HOUR
    monkeypatch.setattr(pace.time, "time", lambda: clock.now)
    return clock


def test_recipients_of_all_runs_are_counted_over_24_hours(clock: Clock) -> None:
    state = MemoryState()
    assert StatePace(state).turn(ASSET, 6) is None
    clock.now += 2 * HOUR
    assert StatePace(state).turn(ASSET, 4) is None
    wait = StatePace(state).turn(ASSET, 1)
    assert wait is not None
    assert wait.seconds == 22 * HOUR
    assert "10 recipients in 24 hours" in wait.reason
    clock.now += 22 * HOUR
    assert StatePace(state).turn(ASSET, 6) is None
    assert StatePace(state).turn(ASSET, 1) is not None


def test_a_message_with_more_than_a_days_recipients_is_never_sent() -> None:
    wait = StatePace(MemoryState()).turn(ASSET, 11)
    assert wait is not None
    assert wait.seconds is None


def test_what_else_is_in_the_state_stays_and_is_not_touched_without_the_limit() -> None:
    state = MemoryState()
    before = dict(state.saved)
    assert StatePace(state).turn(ASSET._replace(recipients_per_day=0), 5) is None
    assert state.saved == before
    StatePace(state).turn(ASSET, 5)
    assert {**before, **state.saved} == state.saved
