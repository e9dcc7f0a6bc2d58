"""The database file of the data folder: made, brought up to date, and opened."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from host.local import files, schema
from host.local.files import DATABASE, Cipher, StoreError, private_folder, reason, sync_folder
from host.local.locks import alone
from host.local.sql import LastingConnection, faults_named, is_current, opened


def connect(folder: Path, secret: Cipher | None = None) -> LastingConnection:
    """A connection to the database, which is made, or brought up to date, first. Raises `StoreError`.

    It begins and ends no transaction by itself, and may be used by several threads, one at a time. `secret` is the
    folder's key, where the caller has read it already.
    """
    if files.is_server():
        private_folder(folder)
        try:
            from host.local import postgres  # who has the folder's own database need not have its client
        except ModuleNotFoundError as error:
            raise StoreError(
                f"The Python module {error.name} is missing: pip install 'smtp-connector[postgres]' installs it."
            ) from error
        return postgres.connect(folder)
    secret = secret or Cipher(folder)  # before the database: see there
    path = folder / DATABASE
    with faults_named(path):
        if not os.access(path, os.F_OK):
            private_folder(folder)
            with alone(folder):
                if not path.exists():
                    _make(path, secret.fingerprint)
        connection = opened(path)
        try:
            if not is_current(connection, path):
                from host.local.migrate import bring_up_to_date  # once in the life of a folder

                bring_up_to_date(folder)
            if connection.execute("SELECT secret FROM key_check").fetchall() != [(secret.fingerprint,)]:
                raise StoreError(
                    f"{secret.path} is not the key that {path} is used with. Nothing was changed. Put that key back, "
                    "or start anew with another folder (SMTP_CONNECTOR_HOME)."
                )
        except BaseException:
            connection.close()
            raise
    return connection


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
            connection.execute("BEGIN")
            for statement in schema.STATEMENTS:
                connection.execute(statement)
            connection.execute("INSERT INTO key_check (secret) VALUES (?)", (secret,))
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")  # remembered in the file
        beside.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"The data folder {path.parent} can't be written: {reason(error)}.") from error
