"""The database file of the data folder: made, brought up to date, and opened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from host.local import files, schema
from host.local.files import StoreError, private_folder, reason, sync_folder
from host.local.locks import alone
from host.local.sql import Connection, faults_named, is_current, opened, transaction


def connect(folder: Path) -> Connection:
    """A connection to the database, which is made, or brought up to date, first. Raises `StoreError`.

    It begins and ends no transaction by itself, and may be used by several threads, one at a time.
    """
    private_folder(folder)
    if files.is_server():
        try:
            from host.local import postgres  # who has the folder's own database need not have its client
        except ModuleNotFoundError as error:
            raise StoreError(
                f"The Python module {error.name} is missing: pip install 'smtp-connector[postgres]' installs it."
            ) from error
        return postgres.connect(folder)
    files.ensure_key(folder)
    path = folder / files.DATABASE
    with faults_named(path):
        if not path.exists():
            with alone(folder):
                if not path.exists():
                    _make(path, files.fingerprint(folder))
        connection = opened(path)
        try:
            if not is_current(connection, path):
                from host.local.migrate import bring_up_to_date  # once in the life of a folder

                bring_up_to_date(folder)
            _check_key(connection, folder)
        except BaseException:
            connection.close()
            raise
    return connection


def _check_key(connection: Connection, folder: Path) -> None:
    """Raises `StoreError` for a key that is not the one that everything in the database was encrypted with."""
    if connection.execute("SELECT secret FROM key_check").fetchall() != [(files.fingerprint(folder),)]:
        raise StoreError(
            f"{files.key_path(folder)} is not the key that {folder / files.DATABASE} is used with. Nothing was "
            "changed. Put that key back, or start anew with another folder (SMTP_CONNECTOR_HOME)."
        )


def _make(path: Path, secret: str) -> None:
    """Make it under another name and rename it, so that one that is there is always complete."""
    beside = path.with_name("store.new")
    try:
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600)  # SQLite gives its side files the mode of the database
        with closing(opened(beside)) as connection:
            # Everything is in the one file that is renamed, or an error is raised: what lies in a write-ahead log
            # may stay there when a connection is closed on a full disk. Half a file is made anew.
            connection.execute("PRAGMA journal_mode = MEMORY")
            with transaction(connection):
                for statement in schema.STATEMENTS:
                    connection.execute(statement)
                connection.execute("INSERT INTO key_check (secret) VALUES (?)", (secret,))
                connection.execute(f"PRAGMA user_version = {schema.VERSION}")
            connection.execute("PRAGMA journal_mode = WAL")  # remembered in the file
        beside.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"The data folder {path.parent} can't be written: {reason(error)}.") from error
