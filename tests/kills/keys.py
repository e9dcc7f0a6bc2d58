"""The same keys at once in two processes and on two machines, so often: `python -m tests.kills.keys 200`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["TURNS"] = sys.argv[1] if len(sys.argv) > 1 else "200"
    tests = Path(__file__).parent.parent
    chosen = [
        "host/test_keys.py::test_of_two_processes_with_the_same_key_at_once_one_sends",
        "real/test_postgresql.py::test_two_machines_with_the_same_key_at_once_send_one_mail",
        "real/test_postgresql.py::test_two_machines_that_submit_the_same_rows_at_once_send_each_once",
    ]
    names = [str(tests / name) for name in chosen]
    sys.exit(pytest.main([*names, "-q", "-m", "real or not real", "-o", "timeout=1800"]))
