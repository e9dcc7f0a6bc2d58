"""The data folder in one file, taken while it is in use, and put back into an empty one.

The databases are copied by SQLite itself, which gives one moment of each whatever others write meanwhile: first the
people's, so that the runs that it tells of are in the other one. The vault's files never change, and an asset's tokens
are replaced in one step. Locks stay out. A run that was under way at that moment counts, where it is restored, as one
whose process has ended. What lies on a database server is backed up there.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from host.local import files
from host.local.files import StoreError, private_folder, reason, sync_folder
from host.local.people.database import FILE as PEOPLE
from host.local.people.database import VERSION as PEOPLE_VERSION
from host.local.sql import faults_named, is_current, newer, opened

VAULT = "vault"
_FOLDERS = (VAULT, files.STATE_FOLDER)
_DATABASES = (PEOPLE, files.DATABASE)
_ALONE = (*_DATABASES, files.KEY_FILE)
_LOCK = ".lock"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in it. `key` is the file that the key is in where it lies outside the data folder, else ""."""

    file: str
    files: int
    size: int
    key: str


def back_up(folder: Path, file: Path) -> Backup:
    """Write the data folder into a new `file` (.tar.gz) that only its owner can read. Raises `StoreError`."""
    try:
        if not any((folder / name).exists() for name in _DATABASES):
            raise StoreError(f"There is nothing to back up: {folder} holds no data yet.")
        if file.exists():
            raise StoreError(f"{file} is there already; it was left as it is.")
        with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".backup-") as place:
            beside = Path(place) / "backup.tar.gz"
            count = _write(folder, beside, Path(place))
            size = beside.stat().st_size
            os.link(beside, file)  # in one step, and never over another one
        sync_folder(file.absolute().parent)
    except OSError as error:
        raise StoreError(f"{file} can't be written: {reason(error)}.") from error
    key = files.key_path(folder)
    return Backup(str(file), count, size, "" if key == folder / files.KEY_FILE else str(key))


def restore(file: Path, folder: Path) -> Backup:
    """Make the data folder what it was, all of it or nothing. Raises `StoreError` where it isn't empty."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(
                f"The data folder {folder} is not empty, and nothing in it was changed. Name another one with "
                "SMTP_CONNECTOR_HOME, or move it away."
            )
        private_folder(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".restore-") as place:
            inside = private_folder(Path(place) / "data")
            count = _unpack(file, inside)
            _check(file, inside)
            inside.rename(folder)
        sync_folder(folder.parent)
        size = file.stat().st_size
    except OSError as error:
        raise StoreError(f"{file} can't be restored into {folder}: {reason(error)}.") from error
    key = files.key_path(folder)
    return Backup(str(file), count, size, "" if key == folder / files.KEY_FILE else str(key))


def _write(folder: Path, beside: Path, place: Path) -> int:
    """Write the archive; how many files are in it. Copies of the databases lie in `place` meanwhile."""
    copies = [(_copied(folder, name, place), name) for name in _DATABASES if (folder / name).exists()]
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    count = 0
    with os.fdopen(descriptor, "wb") as target:
        with tarfile.open(fileobj=target, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            for path, name in [*copies, *_files(folder)]:
                try:
                    with path.open("rb") as content:
                        entry = tarfile.TarInfo(name)
                        entry.size, entry.mode = os.fstat(content.fileno()).st_size, 0o600
                        entry.mtime = int(os.fstat(content.fileno()).st_mtime)
                        archive.addfile(entry, content)
                        count += 1
                except FileNotFoundError:
                    continue  # removed since it was found
        target.flush()
        os.fsync(descriptor)
    return count


def _copied(folder: Path, name: str, place: Path) -> Path:
    with faults_named(folder / name), closing(opened(folder / name)) as source:
        _check_version(source, folder / name)
        with closing(sqlite3.connect(place / name)) as copy:
            source.backup(copy)
    return place / name


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raises `StoreError` for what is no database of this program, or a newer one's."""
    if path.name == PEOPLE:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > PEOPLE_VERSION:
            raise StoreError(newer(path))
    else:
        is_current(connection, path)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Everything beside the databases, with its name in the archive."""
    key = folder / files.KEY_FILE
    if key.exists():
        yield key, files.KEY_FILE
    for name in _FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix != _LOCK and path.name[:1] != ".":
                yield path, path.relative_to(folder).as_posix()


def _unpack(file: Path, inside: Path) -> int:
    count = 0
    try:
        with gzip.open(file) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    _unpack_one(file, archive, entry, inside)
                    count += 1
            while stream.read(_PIECE):
                pass  # its checksum comes last
    except (tarfile.TarError, EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(f"{file} is no backup of a data folder, or it is damaged.") from error
    return count


def _unpack_one(file: Path, archive: tarfile.TarFile, entry: tarfile.TarInfo, inside: Path) -> None:
    name = PurePosixPath(entry.name)
    content = archive.extractfile(entry) if entry.isreg() and _is_ours(name) else None
    if content is None:
        raise StoreError(f"{file} is no backup of a data folder: it holds {entry.name!r:.80}.")
    for parent in reversed(name.parents):
        (inside / parent).mkdir(mode=0o700, exist_ok=True)
    with (inside / name).open("xb") as target:
        os.fchmod(target.fileno(), 0o600)
        shutil.copyfileobj(content, target)


def _is_ours(name: PurePosixPath) -> bool:
    if name.is_absolute() or ".." in name.parts:
        return False
    return name.as_posix() in _ALONE or (len(name.parts) > 1 and name.parts[0] in _FOLDERS)


def _check(file: Path, inside: Path) -> None:
    databases = [inside / name for name in _DATABASES if (inside / name).exists()]
    if not databases:
        raise StoreError(f"{file} is no backup of a data folder: it has no {files.DATABASE}.")
    for path in databases:
        with faults_named(path), closing(opened(path)) as connection:
            _check_version(connection, path)
            # As a new one has it; a copy that SQLite makes is a single file.
            connection.execute("PRAGMA journal_mode = WAL")
