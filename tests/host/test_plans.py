"""No statement of a worker, or about how far it is, reads through all mails: a million are no slower than a hundred."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from host.local.files import DATABASE
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


def test_how_far_a_run_has_come_is_read_from_an_index_alone(tmp_path: Path) -> None:
    home, counts = Home(tmp_path), list[tuple[str, Any]]()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        if "count(" in statement and "mail" in statement:
            counts.append((statement, values))

    with ScriptedServer() as server:
        add_asset(home, server)
        submit(home, mails(5))
    event.listen(Engine, "before_cursor_execute", note)
    try:
        progress = home.runs.list()[0].progress
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert progress is not None
    assert (progress.total, progress.done, progress.rate) == (5, 0, 0.0)
    with closing(sqlite3.connect(home.folder / DATABASE)) as connection:
        plans = [
            connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall() for text, values in counts
        ]
    assert len(plans) == 2
    for plan in plans:
        assert [row[3].split(" (")[0] for row in plan] == ["SEARCH mail USING COVERING INDEX ix_mail_state"]
