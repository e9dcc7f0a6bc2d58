"""The tables of the database, as SQLAlchemy has them; `schema` and `migrations/` make them."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, Index, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class AssetRow(Base):
    __tablename__ = "asset"
    # Ids are never given twice, so that a new asset can't come by what was remembered for a removed one.
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(collation="NOCASE"), unique=True)
    config: Mapped[bytes]
    """All fields, encrypted: a secret under a misspelt name is one too."""
    create_time: Mapped[str]


class VaultRow(Base):
    __tablename__ = "vault"
    id: Mapped[int] = mapped_column(primary_key=True)
    vault_id: Mapped[str] = mapped_column(index=True)
    container_id: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    mime_type: Mapped[str]
    size: Mapped[int]
    create_time: Mapped[str]


class RunRow(Base):
    __tablename__ = "run"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[str | None] = mapped_column(unique=True)
    """What the run was called in version 1's spool: it can't be taken over twice."""
    action: Mapped[str]
    asset: Mapped[str]
    """The name of a stored asset, or "": what an asset holds is not recorded."""
    asset_id: Mapped[str]
    """That asset's id, or ""."""
    container_id: Mapped[str]
    holder: Mapped[str]
    """The lock file that the run's process holds as long as it lives."""
    state: Mapped[str]
    status: Mapped[str]
    message: Mapped[bytes | None]
    """Encrypted, as `MailRow.asked` and `result` are: any of them may name a Bcc."""
    start_time: Mapped[str]
    end_time: Mapped[str]
    kept_since: Mapped[str]


class MailRow(Base):
    """One parameter set of a run; see `host.local.ledger` for what its states mean."""

    __tablename__ = "mail"
    __table_args__ = (
        Index("ix_mail_key_hash", "key_hash", unique=True, sqlite_where=text("key_hash IS NOT NULL")),
        Index("ix_mail_state", "run_id", "state", "finished_at"),
    )
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]
    attempts: Mapped[int]
    message_id: Mapped[str]
    asked: Mapped[bytes | None]
    result: Mapped[bytes | None]
    key_hash: Mapped[bytes | None]
    content: Mapped[bytes | None]
    """The HMAC of what the key stands for; of a mail that repeats another one's result, that one's `key_hash`."""
    committed_at: Mapped[str]
    finished_at: Mapped[str]


class DurableRow(Base):
    """What a durable run has beside what every run has. `give_up_after` is in seconds from its submission."""

    __tablename__ = "durable"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    priority: Mapped[int]
    give_up_after: Mapped[float | None] = mapped_column(Float)


class DueRow(Base):
    """A mail of a durable run that has not ended: when it is due, how often it was tried, and which worker has it.

    One that was cancelled keeps its row: the run may be resumed.
    """

    __tablename__ = "due"
    __table_args__ = (
        Index("ix_due_time", "run_id", "due_time", "position", sqlite_where=text("holder = ''")),
        Index("ix_due_holder", "holder", sqlite_where=text("holder != ''")),
    )
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    due_time: Mapped[str]
    tries: Mapped[int]
    holder: Mapped[str]


class MailboxRow(Base):
    """An account whose messages are paced, whoever sends them; see `host.local.limits`."""

    __tablename__ = "mailbox"
    account: Mapped[str] = mapped_column(primary_key=True)
    next_turn: Mapped[float] = mapped_column(Float)
    slow_until: Mapped[float] = mapped_column(Float)
    urgent_until: Mapped[float] = mapped_column(Float)


class SpentRow(Base):
    """How many recipients an account sent to within an hour of the epoch."""

    __tablename__ = "spent"
    account: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)
    recipients: Mapped[int]


class KeyCheckRow(Base):
    """The one key that the database is used with, by its fingerprint."""

    __tablename__ = "key_check"
    secret: Mapped[str] = mapped_column(primary_key=True)
