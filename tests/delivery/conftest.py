from __future__ import annotations

from tests.support.fixtures import catcher, inbox, run, simple_catcher, simple_inbox

__all__ = ["catcher", "inbox", "run", "simple_catcher", "simple_inbox"]
