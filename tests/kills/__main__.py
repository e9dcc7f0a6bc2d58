"""Kills a run at a statement of its ledger, so often: `python -m tests.kills 100`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["KILLS"] = sys.argv[1] if len(sys.argv) > 1 else "100"
    test = Path(__file__).parent.parent / "host" / "test_killed_runs.py"
    sys.exit(pytest.main([str(test), "-q", "-o", "timeout=7200"]))
