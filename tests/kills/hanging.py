"""Workers that hang, on PostgreSQL, and what a live one takes over: `python -m tests.kills.hanging [TIMES]`, 3."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["HANGS"] = sys.argv[1] if len(sys.argv) > 1 else "3"
    test = Path(__file__).parent.parent / "real" / "test_engine.py"
    sys.exit(pytest.main([str(test), "-q", "-m", "real", "-k", "hangs", "-o", "timeout=600"]))
