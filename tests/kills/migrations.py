"""Kills a start at every statement with which it makes a database or brings an older one up to date.

`python -m tests.kills.migrations`: a folder of version 1, and databases of the build before and of nothing, in a folder
and on PostgreSQL. Needs root and Debian's package postgresql.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.durable.conftest import SERVER
from tests.real.postgresql import postgresql

TESTS = Path(__file__).parent.parent
OF_VERSION_1 = TESTS / "host" / "test_version1.py::test_a_kill_at_any_statement_on_the_way_loses_nothing"
OLDER = TESTS / "durable" / "test_older.py"


def main() -> int:
    os.environ["STATEMENTS"] = "100000"
    code = int(pytest.main(["-q", str(OF_VERSION_1), str(OLDER)]))
    with postgresql() as server:
        os.environ[SERVER] = server
        return code or int(pytest.main(["-q", str(OLDER)]))


if __name__ == "__main__":
    sys.exit(main())
