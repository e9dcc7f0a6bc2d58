"""The key that the database is used with: another one is told at once, and not when something can't be read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

from host.local import files

revision = "key_check"
down_revision = "durable"


def upgrade() -> None:
    connection = op.get_bind()
    # A server's database may have it: it was not always one of the tables that Alembic makes.
    if not sa.inspect(connection).has_table("key_check"):
        op.create_table("key_check", sa.Column("secret", sa.String, primary_key=True))
    folder = context.config.attributes.get("folder")
    if folder is None:
        return
    secret = files.Cipher(folder)
    for name, config in connection.execute(sa.text("SELECT name, config FROM asset LIMIT 1")):
        secret.decrypt(
            config, f"The asset {name}"
        )  # a key that was exchanged before is not written down as the right one
    fingerprint = {"secret": files.Cipher(folder).fingerprint}
    connection.execute(sa.text("INSERT INTO key_check (secret) VALUES (:secret)"), fingerprint)
