"""The vault: files named by the SHA-1 of their content, and records of what each is called where."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from sqlalchemy import ColumnElement, delete, func, select

from actions.contract import VaultError, VaultFile
from host.local.files import private_folder, reason, sync_folder, timestamp
from host.local.store import Store
from host.local.tables import VaultRow

_VAULT_ID = re.compile(r"[0-9a-f]{40}")
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/\ud800-\udfff\u2028\u2029]")
_CHUNK = 1024 * 1024
_ABANDONED = 24 * 60 * 60
"""Seconds after which a file that nobody has written to was left by a process that was killed."""


@dataclass(frozen=True, slots=True)
class VaultRecord:
    """One time that a file was added. The same content may be known under several names and containers."""

    vault_id: str
    name: str
    size: int
    mime_type: str
    container_id: str
    create_time: str
    path: Path


class Vault:
    """The vault of a data folder. Every method raises `VaultError`; `StoreError` when the database fails."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder / "vault"
        self._store = store

    def add(self, path: Path, container_id: str = "", name: str | None = None) -> VaultFile:
        """Copy a file in, a piece at a time. Only regular files: anything else may never end."""
        called = _NOT_IN_A_NAME.sub("_", name or path.name)
        while True:
            with _faults_named(f"{str(path)!r}"):
                vault_id, size = self._take_in(path)
            with self._store.writing() as session:
                if not self._path(vault_id).exists():
                    continue  # another process has just removed the same content
                session.add(
                    VaultRow(
                        vault_id=vault_id,
                        container_id=container_id,
                        name=called,
                        mime_type=_mime_type(called),
                        size=size,
                        create_time=timestamp(),
                    )
                )
            return VaultFile(vault_id, called, size, self._path(vault_id))

    def add_new(self, name: str, chunks: Iterable[bytes], container_id: str = "") -> VaultFile:
        """Take in a file that is being made."""
        with _faults_named(f"{name!r:.80}"):
            private_folder(self._folder.parent)
            with NamedTemporaryFile(dir=self._folder.parent, prefix=".") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                return self.add(Path(file.name), container_id, name)

    def find(self, vault_id: str, container_id: str = "") -> VaultFile:
        """The readable file of that id, under its name in the container, else under its latest name."""
        known = self.records(vault_id)
        record = next((record for record in known if record.container_id == container_id), known[0])
        with _faults_named(f"Vault id {record.vault_id}"):
            self._check(record)
        names = [one.name for one in reversed(known) if one.container_id == record.container_id]
        return VaultFile(record.vault_id, record.name, record.size, record.path, tuple(names))

    def remove(self, vault_id: str) -> tuple[VaultRecord, ...]:
        """Forget a file, under all its names; returns what was known of it."""
        known = self.records(vault_id)
        self._forget(known[0], VaultRow.vault_id == known[0].vault_id)
        return known

    def take_back(self, file: VaultFile) -> None:
        """Undo an `add`: what was known of the file before stays. Says nothing when it is gone already."""
        with suppress(VaultError):
            latest = next(record for record in self.records(file.vault_id) if record.name == file.name)
            with self._store.reading() as session:
                same = (VaultRow.vault_id == latest.vault_id, VaultRow.name == latest.name)
                number = session.scalar(select(func.max(VaultRow.id)).where(*same))
            self._forget(latest, VaultRow.id == number)

    def _forget(self, record: VaultRecord, condition: ColumnElement[bool]) -> None:
        """Delete records, and the file with the last of them; in this order, so that no record names a missing file."""
        with self._store.writing() as session:
            session.execute(delete(VaultRow).where(condition))
            left = session.scalar(select(func.count()).where(VaultRow.vault_id == record.vault_id))
            if not left:
                with _faults_named(f"Vault id {record.vault_id}"):
                    record.path.unlink(missing_ok=True)

    def records(self, vault_id: str) -> tuple[VaultRecord, ...]:
        """Everything that is known of one id, the latest first; at least one record."""
        lower = vault_id.lower()
        if not _VAULT_ID.fullmatch(lower):
            raise VaultError(
                f"{vault_id!r:.80} is not a vault id: one is the 40 hexadecimal digits of a SHA-1."
            )
        records = self._select(VaultRow.vault_id == lower)
        if not records:
            raise VaultError(f"Vault id {lower} is not in the vault.")
        return records

    def list(self, container_id: str | None = None) -> tuple[VaultRecord, ...]:
        """All records, or a container's, the latest first."""
        return self._select(*([] if container_id is None else [VaultRow.container_id == container_id]))

    def _select(self, *conditions: ColumnElement[bool]) -> tuple[VaultRecord, ...]:
        with self._store.reading() as session:
            rows = session.scalars(select(VaultRow).where(*conditions).order_by(VaultRow.id.desc()))
            return tuple(
                VaultRecord(
                    row.vault_id,
                    row.name,
                    row.size,
                    row.mime_type,
                    row.container_id,
                    row.create_time,
                    self._path(row.vault_id),
                )
                for row in rows
            )

    def _path(self, vault_id: str) -> Path:
        return self._folder / vault_id[:2] / vault_id

    def _check(self, record: VaultRecord) -> None:
        """Can it be sent as what was added? A link could lead out of the vault; a shorter file is cut off."""
        with os.fdopen(_open_regular(record.path, os.O_NOFOLLOW), "rb") as file:
            size = os.fstat(file.fileno()).st_size
        if record.path.resolve() != self._folder.parent.resolve() / record.path.relative_to(
            self._folder.parent
        ):
            raise VaultError(f"Vault id {record.vault_id} lies behind a link, outside the vault.")
        if size != record.size:
            raise VaultError(
                f"Vault id {record.vault_id} has changed: {size} octets now, {record.size} when it was added."
            )

    def _take_in(self, path: Path) -> tuple[str, int]:
        """Copy to a temporary name while hashing, then rename: an id never names an incomplete file."""
        private_folder(self._folder.parent)
        private_folder(self._folder)
        self._remove_abandoned()
        with os.fdopen(_open_regular(path), "rb") as source:
            beside = self._folder / f".{os.urandom(8).hex()}.tmp"
            try:
                digest, size = hashlib.sha1(usedforsecurity=False), 0
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(beside, flags, 0o600), "wb") as copy:
                    while chunk := source.read(_CHUNK):
                        digest.update(chunk)
                        size += copy.write(chunk)
                    copy.flush()
                    os.fsync(copy.fileno())
                target = self._path(digest.hexdigest())
                private_folder(target.parent)
                beside.replace(target)
                sync_folder(target.parent)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        return digest.hexdigest(), size

    def _remove_abandoned(self) -> None:
        for path in self._folder.glob(".*.tmp"):
            with suppress(FileNotFoundError):  # it was not abandoned: another process has just renamed it
                if time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()


def _open_regular(path: Path, flags: int = 0) -> int:
    """A descriptor of a regular file, without waiting (as opening a FIFO does, for a writer)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise VaultError(f"{str(path)!r} is {kind}; only regular files can be attached.")
    return descriptor


def _mime_type(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"


@contextmanager
def _faults_named(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VaultError(f"{what} can't be used: {reason(error)}.") from error
