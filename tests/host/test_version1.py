"""A data folder that version 1 made is taken along with all that is in it, once; a newer one is refused."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from host.local import database, files, schema
from host.local.engine import engine_of
from host.local.files import StoreError
from host.local.home import Home
from host.local.migrate import upgrade
from host.local.tables import Base
from tests.host.processes import python, start
from tests.support.ledgers import Written, everything_in, mail

MADE_BY_VERSION_1 = Path(__file__).with_name("version1") / "data"
STATEMENTS = int(os.environ.get("STATEMENTS", "6"))
"""At how many it is killed on the way; `python -m tests.kills.migrations` asks for all."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    shutil.copytree(MADE_BY_VERSION_1, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return Home(tmp_path / "data")


def user_version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def assert_taken_along(home: Home) -> None:
    assert [(one.id, one.name) for one in home.assets.list()] == [("1", "prod"), ("2", "Two")]
    assert home.assets.get("PROD").config["password"] == "marker-password-1"
    assert home.assets.get("two").config["client_secret"] == "marker-client-secret-1"
    assert home.state("1").load()["oauth"]["token"]["refresh_token"] == "marker-refresh-1"
    report, picture = sorted(home.vault.list(), key=lambda record: record.name, reverse=True)
    assert home.vault.find(report.vault_id, "7").path.read_bytes() == b"A file of version 1.\n" * 20
    assert home.vault.find(picture.vault_id).path.read_bytes() == bytes(range(256))
    entries = [(one.id, one.action, one.asset, one.status) for one in reversed(home.runs.list())]
    assert entries == [
        (1, "send email", "prod", "success"),
        (2, "send email", "prod", "failed"),
        (3, "send email", "Two", "failed"),
        (4, "send htmlemail", "prod", "success"),
        (5, "send rawemail", "prod", "success"),
        (6, "test connectivity", "prod", "success"),
    ]
    runs = [home.runs.get(number) for number in range(1, 7)]
    assert [one["bcc"] for one in runs[0].parameters] == ["marker-bcc-1@example.com"]
    assert runs[0].entry.container_id == "7"
    assert [mail.state for mail in runs[1].mails] == ["sent", "not sent", "sent"]
    assert [one["parameter"]["body"] for one in runs[1].result["result_data"]] == [
        "marker-body-2",
        "marker-body-3",
        "marker-body-4",
    ]
    assert runs[1].entry.message.startswith("2 of 3 succeeded. The first that failed: Nothing was sent")
    assert runs[2].result["result_data"][0]["data"][0]["outcome"] == "not sent"
    assert runs[4].result["message"] == "Email sent"
    assert runs[5].result["identifier"] == "test_connectivity"


def test_everything_in_it_is_taken_along(home: Home) -> None:
    assert b"marker-body-1" in everything_in(home.folder)
    assert_taken_along(home)
    assert user_version(home.folder) == schema.VERSION
    assert not (home.folder / "spool").exists()
    octets = everything_in(home.folder)
    assert re.findall(rb"marker-[a-z-]+[0-9]", octets) == []


def test_a_mail_can_be_sent_from_it_at_once_and_gets_the_next_number(home: Home) -> None:
    Written(home.folder).whole(mail())
    assert [entry.id for entry in home.runs.list()] == [7, 6, 5, 4, 3, 2, 1]
    assert_is_as_new(home.folder)


LOOK = """
import sys
from pathlib import Path
from host.local import files, database
database.connect(Path(sys.argv[1])).close()
"""


def test_many_processes_that_start_at_once_take_it_along_once(home: Home) -> None:
    started = [start(LOOK, home.folder) for _ in range(4)]
    assert [one.finish().stderr for one in started] == [""] * 4
    assert_taken_along(home)


KILLED = """
import os, sqlite3, sys
from pathlib import Path
from host.local import database, sql, engine
left = int(sys.argv[2])
def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
opened, connect = sql.opened, sqlite3.connect
def counted(*arguments, **more):
    connection = connect(*arguments, **more)
    connection.set_trace_callback(count)
    return connection
sqlite3.connect = counted
sqlite3.dbapi2.connect = counted
database.connect(Path(sys.argv[1])).close()
print(left)
"""


@pytest.mark.timeout(1200)
def test_a_kill_at_any_statement_on_the_way_loses_nothing(home: Home, tmp_path: Path) -> None:
    done = python(KILLED, home.folder, 100_000)
    statements = 100_000 - int(done.stdout)
    assert statements > 50
    for number in range(0, statements, max(1, statements // STATEMENTS)):
        folder = tmp_path / f"data{number}"
        shutil.copytree(MADE_BY_VERSION_1, folder)
        assert python(KILLED, folder, number).returncode == -9
        assert_taken_along(Home(folder))
        assert re.findall(rb"marker-[a-z-]+[0-9]", everything_in(folder)) == []


def test_a_newer_folder_is_refused_in_one_line_and_not_touched(home: Home) -> None:
    home.runs.list()
    with closing(sqlite3.connect(home.folder / "store.db")) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = everything_in(home.folder)
    with pytest.raises(
        StoreError, match=r"was made by a newer version of this program\. Nothing was changed"
    ) as error:
        Written(home.folder).ledger.begin([mail()])
    assert "\n" not in str(error.value)
    with pytest.raises(StoreError, match="newer version"):
        Home(home.folder).assets.list()
    assert everything_in(home.folder) == before


@pytest.mark.parametrize("version", [schema.VERSION, schema.VERSION - 2])
def test_a_folder_with_a_migration_that_is_not_known_is_refused(home: Home, version: int) -> None:
    home.runs.list()
    with closing(sqlite3.connect(home.folder / "store.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of next year'")
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(StoreError, match="newer version"):
        database.connect(home.folder)


def test_a_folder_that_is_taken_along_without_its_key_is_left_as_it_is(home: Home) -> None:
    (home.folder / "secret.key").unlink()
    before = everything_in(home.folder)
    with pytest.raises(StoreError, match=r"secret\.key is missing"):
        home.runs.list()
    assert everything_in(home.folder) == before


def described(path: Path) -> set[tuple[str, str]]:
    """Tables and indexes, as they were made."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {
            (name, re.sub(r"[\s\"]+", " ", sql).replace("( ", "(").replace(" )", ")")) for name, sql in rows
        }


def assert_is_as_new(folder: Path) -> None:
    new = folder.with_name("new")
    database.connect(new).close()
    assert described(folder / "store.db") == described(new / "store.db")


def test_a_new_database_is_what_the_migrations_make_of_an_old_one_and_of_nothing(
    home: Home, tmp_path: Path
) -> None:
    home.runs.list()
    assert_is_as_new(home.folder)
    (tmp_path / "empty").mkdir()
    files.ensure_key(tmp_path / "empty")
    engine = engine_of(tmp_path / "empty" / "store.db")
    with engine.execution_options(writes=True).begin() as connection:
        upgrade(connection, tmp_path / "empty")
    assert_is_as_new(tmp_path / "empty")


def test_the_models_are_what_the_database_has(home: Home) -> None:
    home.runs.list()
    with engine_of(home.folder / "store.db").connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
