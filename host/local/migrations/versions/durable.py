"""Durable runs: what of them is still to be done, and what the mailboxes they go over may send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "durable"
down_revision = "ledger"


def upgrade() -> None:
    op.create_table(
        "durable",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), primary_key=True, autoincrement=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("give_up_after", sa.Float),
    )
    op.create_table(
        "due",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("due_time", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
    )
    is_free, is_held = sa.text("holder = ''"), sa.text("holder != ''")
    op.create_index(
        "ix_due_time",
        "due",
        ["run_id", "due_time", "position"],
        sqlite_where=is_free,
        postgresql_where=is_free,
    )
    op.create_index("ix_due_holder", "due", ["holder"], sqlite_where=is_held, postgresql_where=is_held)
    op.create_table(
        "mailbox",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("next_turn", sa.Float, nullable=False),
        sa.Column("slow_until", sa.Float, nullable=False),
        sa.Column("urgent_until", sa.Float, nullable=False),
    )
    op.create_table(
        "spent",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("hour", sa.Integer, primary_key=True),
        sa.Column("recipients", sa.Integer, nullable=False),
    )
