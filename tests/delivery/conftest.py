from __future__ import annotations

import pytest

from host.local import limits
from tests.support.fixtures import catcher, inbox, run, simple_catcher, simple_inbox

__all__ = ["catcher", "inbox", "run", "simple_catcher", "simple_inbox"]


@pytest.fixture(autouse=True)
def _slowed_down_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that says that it was too much at a time is left alone for a moment, not for a minute."""
    told = limits._told_to_slow_down
    monkeypatch.setattr(limits, "_told_to_slow_down", lambda error: told(error) and 0.1)
