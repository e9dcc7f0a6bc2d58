"""Procrastinate's own tables on PostgreSQL: made whole where there are none, else brought up to date by its migrations.

They are in a schema of their own, whose comment says of which version of Procrastinate they are. Whoever brings them
up to date holds the lock of our migrations. What a newer version made is left as it is: its functions have versions.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from host.local.files import StoreError

SCHEMA = "smtp_connector_jobs"


class ScriptConnection(Protocol):
    """What is asked of a connection to the server."""

    def execute(self, statement: str, values: Any = (), /) -> Any: ...

    def script(self, statements: str) -> None: ...


def bring_up_to_date(connection: ScriptConnection) -> None:
    """Within the connection's transaction. Raises `StoreError`."""
    try:
        installed = version("procrastinate")
    except PackageNotFoundError as error:
        raise StoreError(
            "The Python module procrastinate is missing: pip install 'smtp-connector[postgres]' installs it."
        ) from error
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ?", (SCHEMA,)
    ).fetchone()
    has = row[0] if row is not None and row[0] else ""
    if has and _numbers(has) >= _numbers(installed):
        return
    from procrastinate.schema import SchemaManager  # once in the life of a database and of a version

    if row is None:
        _make_schema(connection)
    before = connection.execute("SELECT current_setting('search_path')").fetchone()[0]
    connection.script(f"SET LOCAL search_path = {SCHEMA}")
    if has:
        for path in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
            if _numbers(path.name.partition("_")[0]) > _numbers(has):
                connection.script(path.read_text(encoding="utf-8"))
    else:
        connection.script(SchemaManager.get_schema())
    connection.script(f"COMMENT ON SCHEMA {SCHEMA} IS '{installed}'")
    connection.execute("SELECT set_config('search_path', ?, true)", (before,))


def _make_schema(connection: ScriptConnection) -> None:
    asked = "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()"
    may, user, name = connection.execute(asked).fetchone()
    if not may:
        raise StoreError(
            f"The user {user} may not make the schema {SCHEMA} in the database {name}. Nothing was changed. Let its"
            f' owner do one of these: GRANT CREATE ON DATABASE "{name}" TO "{user}", or'
            f' CREATE SCHEMA {SCHEMA} AUTHORIZATION "{user}".'
        )
    connection.script(f"CREATE SCHEMA {SCHEMA}")


def _numbers(text: str) -> tuple[int, ...]:
    """A version as it is compared; what follows its numbers does not matter to the tables."""
    return tuple(int(part) for part in text.split(".")[:3] if part.isdecimal())
