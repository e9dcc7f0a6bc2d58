"""The ledger: a row for each mail of a run, and what was asked and answered encrypted.

The runs of version 1 are moved, with their ids, in the same transaction.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from host.local.files import Cipher
from host.local.version1 import RecordedRun, insert

revision = "ledger"
down_revision = "version_1"


def upgrade() -> None:
    op.rename_table("run", "run_of_version_1")
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("record_id", sa.String, unique=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("asset", sa.String, nullable=False),
        sa.Column("asset_id", sa.String, nullable=False),
        sa.Column("container_id", sa.String, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("message", sa.LargeBinary),
        sa.Column("start_time", sa.String, nullable=False),
        sa.Column("end_time", sa.String, nullable=False),
        sa.Column("kept_since", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mail",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("asked", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("key_hash", sa.LargeBinary),
        sa.Column("content", sa.LargeBinary),
        sa.Column("committed_at", sa.String, nullable=False),
        sa.Column("finished_at", sa.String, nullable=False),
    )
    op.create_index(
        "ix_mail_key_hash", "mail", ["key_hash"], unique=True, sqlite_where=sa.text("key_hash IS NOT NULL")
    )
    _move_the_runs()
    op.drop_table("run_of_version_1")  # its rows are in the new one


def _move_the_runs() -> None:
    connection = op.get_bind()
    execute = connection.exec_driver_sql
    (count,) = execute("SELECT count(*) FROM run_of_version_1").one()
    if not count:
        return
    cipher = Cipher(context.config.attributes["folder"])
    for number, record_id in execute("SELECT id, record_id FROM run_of_version_1 ORDER BY id").all():
        row = execute("SELECT * FROM run_of_version_1 WHERE id = ?", (number,)).mappings().one()
        insert(lambda sql, values: execute(sql, values), number, record_id, RecordedRun.of_row(row), cipher)
