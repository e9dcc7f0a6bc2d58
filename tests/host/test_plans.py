"""No statement of a worker reads through everything that waits: a run of a million is as quick as one of a hundred."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from host.local.home import Home
from host.local.sql import FileConnection
from tests.durable.working import add_asset, mails, rows_in, submit, worked
from tests.support.scripted import ScriptedServer


def test_a_worker_reads_through_neither_the_mails_nor_what_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    plans: dict[str, set[str]] = {}

    class Explained(FileConnection):
        def execute(self, statement: str, values: Any = (), /) -> Any:
            self._explain(statement, values)
            return super().execute(statement, values)

        def executemany(self, statement: str, values: Iterable[Any], /) -> Any:
            values = list(values)
            if values:
                self._explain(statement, values[0])
            return super().executemany(statement, values)

        def _explain(self, statement: str, values: Any) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
                found = super().execute(f"EXPLAIN QUERY PLAN {statement}", values)
                plans.setdefault(statement, set()).update(row[3] for row in found)

    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, mails(5))
        rows_in(home, "UPDATE due SET holder = 'of a dead worker' WHERE position = 3")
        monkeypatch.setattr("host.local.sql.FileConnection", Explained)
        run = worked(home, submitted, hurries=False)
    assert {mail.state for mail in run.mails} == {"sent"}
    assert any(statement.startswith("UPDATE due SET holder = ?") for statement in plans)
    read_through = {
        (statement, step)
        for statement, steps in plans.items()
        for step in steps
        if step.startswith(("SCAN mail", "SCAN due"))
        and "ix_due_holder" not in step  # what workers have is little
    }
    assert read_through == set()
