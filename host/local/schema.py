"""The tables of a new database, as `migrations/` would make them step by step; a test holds the two against each other.

Written out, because making them step by step takes longer than sending a mail.
"""

from __future__ import annotations

VERSION = 9
"""`PRAGMA user_version`, odd. The even number before it: brought up to date, but what an older version kept in clear
is not yet wiped from the file. Version 1 is the first release's."""
REVISION = "mail_state"
"""The newest of `migrations/versions`."""

SETTLE_MAILS = (
    "UPDATE mail SET state = CASE state WHEN 'committed' THEN 'unknown' ELSE 'not sent' END, finished_at = ?"
    " WHERE run_id = ? AND state IN ('committed', 'claimed')"
)
"""Says what became of a run's mails that have no result, once nothing more will be heard of it: the time, the run."""

STATEMENTS = (
    """CREATE TABLE asset (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name VARCHAR COLLATE "NOCASE" NOT NULL,
        config BLOB NOT NULL,
        create_time VARCHAR NOT NULL,
        UNIQUE (name)
    )""",
    """CREATE TABLE vault (
        id INTEGER NOT NULL,
        vault_id VARCHAR NOT NULL,
        container_id VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        mime_type VARCHAR NOT NULL,
        size INTEGER NOT NULL,
        create_time VARCHAR NOT NULL,
        PRIMARY KEY (id)
    )""",
    "CREATE INDEX ix_vault_container_id ON vault (container_id)",
    "CREATE INDEX ix_vault_vault_id ON vault (vault_id)",
    """CREATE TABLE run (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        record_id VARCHAR,
        action VARCHAR NOT NULL,
        asset VARCHAR NOT NULL,
        asset_id VARCHAR NOT NULL,
        container_id VARCHAR NOT NULL,
        holder VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        status VARCHAR NOT NULL,
        message BLOB,
        start_time VARCHAR NOT NULL,
        end_time VARCHAR NOT NULL,
        kept_since VARCHAR NOT NULL,
        UNIQUE (record_id)
    )""",
    """CREATE TABLE mail (
        run_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        state VARCHAR NOT NULL,
        attempts INTEGER NOT NULL,
        message_id VARCHAR NOT NULL,
        asked BLOB,
        result BLOB,
        key_hash BLOB,
        content BLOB,
        committed_at VARCHAR NOT NULL,
        finished_at VARCHAR NOT NULL,
        PRIMARY KEY (run_id, position),
        FOREIGN KEY(run_id) REFERENCES run (id)
    )""",
    "CREATE UNIQUE INDEX ix_mail_key_hash ON mail (key_hash) WHERE key_hash IS NOT NULL",
    "CREATE INDEX ix_mail_state ON mail (run_id, state, finished_at)",
    """CREATE TABLE durable (
        run_id INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        give_up_after FLOAT,
        PRIMARY KEY (run_id),
        FOREIGN KEY(run_id) REFERENCES run (id)
    )""",
    """CREATE TABLE due (
        run_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        due_time VARCHAR NOT NULL,
        tries INTEGER NOT NULL,
        holder VARCHAR NOT NULL,
        PRIMARY KEY (run_id, position),
        FOREIGN KEY(run_id) REFERENCES run (id)
    )""",
    "CREATE INDEX ix_due_time ON due (run_id, due_time, position) WHERE holder = ''",
    "CREATE INDEX ix_due_holder ON due (holder) WHERE holder != ''",
    """CREATE TABLE mailbox (
        account VARCHAR NOT NULL,
        next_turn FLOAT NOT NULL,
        slow_until FLOAT NOT NULL,
        urgent_until FLOAT NOT NULL,
        PRIMARY KEY (account)
    )""",
    """CREATE TABLE spent (
        account VARCHAR NOT NULL,
        hour INTEGER NOT NULL,
        recipients INTEGER NOT NULL,
        PRIMARY KEY (account, hour)
    )""",
    """CREATE TABLE key_check (
        secret VARCHAR NOT NULL,
        PRIMARY KEY (secret)
    )""",
    """CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL,
        CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    )""",
    f"INSERT INTO alembic_version (version_num) VALUES ('{REVISION}')",  # noqa: S608 - both are ours
)
