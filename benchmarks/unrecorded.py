"""A journal that writes nothing down. There is no such setting: beside the ledger it shows what recording costs.

It stands in for `host.local.ledger`: in this process within `nothing_recorded`, and for a process of its own as that
module, before the ledger, or what that imports, is loaded.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager


class Ledger:
    """As a run sees the real one (`host.run_context.Journal`)."""

    number, unslowed_at = 0, float("inf")

    def __init__(self, *_: object) -> None:
        pass

    def begin(self, *_: object) -> None:
        pass

    committing = ended = finished = end = claim = begin

    def prepared(self, _position: int, outgoing: object) -> object:
        return outgoing


class Heading:
    """Of what a run says of itself, all that is asked for without a ledger."""

    def __init__(self, *_: object) -> None:
        self.container_id = ""


def nothing_recorded() -> AbstractContextManager[object]:
    """Within this no run of this process is written down."""
    from unittest.mock import patch  # the process that is timed has no use for it

    return patch("host.local.run.Ledger", Ledger)


def stand_in() -> None:
    """Let this be the ledger's module from now on, for a process that has not loaded it yet."""
    sys.modules["host.local.ledger"] = sys.modules[__name__]
