"""The tables as version 1 made them, without Alembic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "version_1"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "asset",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(collation="NOCASE"), nullable=False, unique=True),
        sa.Column("config", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "vault",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vault_id", sa.String, nullable=False, index=True),
        sa.Column("container_id", sa.String, nullable=False, index=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("mime_type", sa.String, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", sa.String, nullable=False),
    )
    texts = ("action", "asset", "container_id", "parameters", "status", "message", "result")
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("record_id", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in (*texts, "start_time", "end_time")),
        sqlite_autoincrement=True,
    )
