"""An older data folder taken along, by Alembic. Imported only where there is one: both libraries are large.

Whatever the moment at which a process is killed, the next one goes on: the tables change in one transaction, and only
when what an older version kept in clear is wiped from the file does the database say that it is of this version.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from host.local import files, schema, spool
from host.local.engine import engine_of, faults_of_sqlalchemy_named
from host.local.files import StoreError
from host.local.locks import alone
from host.local.sql import faults_named, is_current, newer, opened, transaction
from host.local.streams import say

SCRIPTS = Path(__file__).with_name("migrations")
BEFORE_ALEMBIC = "version_1"
"""The revision of a database of version 1, which does not name one."""


def bring_up_to_date(folder: Path) -> None:
    """Give the folder's database this version's tables. Raises `StoreError`; what is left is done next time."""
    path = folder / files.DATABASE
    with alone(folder), faults_named(path), faults_of_sqlalchemy_named(path):
        with closing(opened(path)) as connection:
            if is_current(connection, path):
                return  # another process was quicker
        with engine_of(path).execution_options(writes=True).begin() as connection:
            upgrade(connection, folder)
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION - 1}")
        spool.take_in(folder, say)
        with closing(opened(path)) as connection:
            wipe(connection, path)
            with transaction(connection):
                connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def upgrade(connection: Connection, folder: Path) -> None:
    """Bring the tables to the newest revision, within the connection's transaction.

    Raises `StoreError` where they have one that is not known here.
    """
    config = Config(attributes={"connection": connection, "folder": folder})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    tables = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master")}
    if "run" in tables and "alembic_version" not in tables:
        command.stamp(config, BEFORE_ALEMBIC)
    if "alembic_version" in tables:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
        if not known.issuperset(found):
            raise StoreError(newer(folder / files.DATABASE))
    command.upgrade(config, "head")


def wipe(connection: sqlite3.Connection, path: Path) -> None:
    """Leave nothing in the file that is in no row: what rows held before they were encrypted. Raises `StoreError`."""
    connection.execute("VACUUM")
    (is_busy, _pages, _moved) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StoreError(f"{path} is being read by another process; try again when it has ended.")
