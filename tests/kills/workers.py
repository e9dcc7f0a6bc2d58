"""Kills the workers of a submitted run, so often over so many mails: `python -m tests.kills.workers 100 5000`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["KILLS"] = sys.argv[1] if len(sys.argv) > 1 else "100"
    os.environ["MAILS"] = sys.argv[2] if len(sys.argv) > 2 else "5000"
    test = Path(__file__).parent.parent / "durable" / "test_kills.py"
    sys.exit(pytest.main([str(test), "-q"]))
