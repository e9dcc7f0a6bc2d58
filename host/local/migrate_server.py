"""The tables of a PostgreSQL database: made whole where there are none, else brought up to date by Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from host.local.engine import engine_of_server, faults_of_sqlalchemy_named
from host.local.files import StoreError
from host.local.tables import Base

SCRIPTS = Path(__file__).with_name("migrations")
# The names of assets are compared as SQLite's collation of that name does it.
_NOCASE = (
    'CREATE COLLATION IF NOT EXISTS "NOCASE"'
    " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
)


def bring_up_to_date(address: str) -> None:
    """Within one transaction. Raises `StoreError`, also for a database of a newer version."""
    engine = engine_of_server(address)
    with faults_of_sqlalchemy_named(Path(address)), engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
        if not inspect(connection).has_table("alembic_version"):
            connection.exec_driver_sql(_NOCASE)
            Base.metadata.create_all(connection)
            command.stamp(config, "head")
            return
        (revision,) = connection.exec_driver_sql("SELECT version_num FROM alembic_version").one()
        if revision not in {path.stem for path in (SCRIPTS / "versions").glob("*.py")}:
            raise StoreError(
                "The database was made by a newer version of this program. Nothing was changed. Use that version."
            )
        command.upgrade(config, "head")
