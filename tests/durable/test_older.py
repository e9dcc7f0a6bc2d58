"""A database of the build before is brought up to date, and the process that does it is killed at any statement.

`STATEMENTS` says at how many of them; `python -m tests.kills.migrations` asks for all. The judge is the mail server.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import psycopg
import pytest

from host.local import files, postgres, schema
from host.local.home import Home
from tests.durable.working import add_asset, mails, number_of, rows_in, submit, worked
from tests.host.processes import python
from tests.support.scripted import ScriptedServer, Settings

STATEMENTS = int(os.environ.get("STATEMENTS", "4"))

START = """
import os, sqlite3, sys
from host.local import database, files
from host.local.home import Home
left = int(sys.argv[1])
def count(*_about):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
if files.is_server():
    import psycopg
    def counted(do):
        def count_and_do(*arguments, **more):
            count()
            return do(*arguments, **more)
        return count_and_do
    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, counted(getattr(psycopg.Cursor, name)))
    psycopg.Connection.commit = counted(psycopg.Connection.commit)
else:
    connect = sqlite3.connect
    def connect_and_count(*arguments, **more):
        connection = connect(*arguments, **more)
        connection.set_trace_callback(count)
        return connection
    sqlite3.connect = sqlite3.dbapi2.connect = connect_and_count
database.connect(Home().folder).close()
print(left)
"""


def make_older(home: Home) -> None:
    """As the build before the key was checked had it."""
    change = (
        "DROP INDEX ix_mail_state",
        "DROP TABLE key_check",
        "UPDATE alembic_version SET version_num = 'durable'",
    )
    if files.is_server():
        with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as server:
            for statement in (*change, "DROP SCHEMA IF EXISTS smtp_connector_jobs CASCADE"):
                server.execute(statement.encode())
        postgres._checked.clear()  # as in a process that starts
        return
    with closing(sqlite3.connect(home.folder / files.DATABASE, isolation_level=None)) as file:
        for statement in (*change, f"PRAGMA user_version = {schema.VERSION - 4}"):
            file.execute(statement)


def make_nothing(home: Home) -> None:
    """As before anything was there."""
    if files.is_server():
        with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as server:
            server.execute("DROP SCHEMA IF EXISTS smtp_connector_jobs CASCADE")
            server.execute("DROP SCHEMA public CASCADE")
            server.execute("CREATE SCHEMA public")
        postgres._checked.clear()
        return
    for path in home.folder.glob(f"{files.DATABASE}*"):
        path.unlink()


def chosen() -> list[int]:
    """Statements of a start at which to kill it: spread over all that this one has, or every one."""
    done = python(START, 100_000)
    assert (done.returncode, done.stderr) == (0, "")
    count = 100_000 - int(done.stdout)
    assert count > 5
    step = max(1, count // STATEMENTS)
    return list(range(step // 2, count, step))


@pytest.mark.timeout(1200)
def test_whatever_the_statement_at_which_it_is_killed_the_next_start_goes_on_and_nothing_is_lost(
    home: Home,
) -> None:
    came: list[int] = []
    with ScriptedServer(Settings(lifetime=1200)) as server:
        add_asset(home, server)
        make_older(home)
        for number in chosen():
            submitted = submit(home, mails(3, subject=f"before the kill at {number}"))
            make_older(home)
            assert python(START, number).returncode == -9
            run = worked(home, submitted)
            assert [mail.state for mail in run.mails] == ["sent"] * 3, number
            came.append(len(server.log.accepted))
        assert len(home.runs.list(limit=10_000)) == len(came)
        assert [asset.name for asset in home.assets.list()] == ["prod"]
        assert came == [3 * place for place in range(1, len(came) + 1)]
    assert rows_in(home, "SELECT version_num FROM alembic_version") == [(schema.REVISION,)]


@pytest.mark.timeout(1200)
def test_a_database_that_is_killed_while_it_is_made_is_made_by_the_next_start(home: Home) -> None:
    home.runs.list()  # which makes the folder
    make_nothing(home)
    statements = chosen()
    with ScriptedServer(Settings(lifetime=1200)) as server:
        for place, number in enumerate(statements, 1):
            make_nothing(home)
            assert python(START, number).returncode == -9
            home = Home()  # as in a process that starts
            add_asset(home, server)
            submitted = submit(home, mails(2))
            assert number_of(submitted) == 1
            assert [mail.state for mail in worked(home, submitted).mails] == ["sent"] * 2, number
            assert len(server.log.accepted) == 2 * place
