"""Folders and files that only their owner can read, written whole or not at all."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from actions.contract import HostError

_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class StoreError(HostError):
    """The data folder, or something in it, can't be used. The message says which, why, and what to do."""


def reason(error: OSError) -> str:
    """What the operating system said, without its number: `No space left on device`."""
    return error.strerror or type(error).__name__


def expanded(text: str) -> Path:
    """A path with the home folder in the place of ~, or as it is where there is none."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def timestamp(*, days_ago: float = 0) -> str:
    """Now, or so many days ago, as SOAR writes times: `2026-01-31T08:00:00.123456Z`. In their order as texts, too."""
    return (datetime.now(UTC) - timedelta(days=days_ago)).strftime(_TIME)


def as_timestamp(seconds: float) -> str:
    """A time in seconds of the epoch, as `timestamp` writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIME)


def seconds_since(text: str) -> float:
    """Seconds from a time that `timestamp` wrote until now; 0 if it is yet to come."""
    return max((datetime.now(UTC) - as_time(text)).total_seconds(), 0.0)


def as_time(text: str) -> datetime:
    """A time that `timestamp` wrote."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def private_folder(path: Path) -> Path:
    """`path`, made with mode 0700 where it is not there yet. Raises `StoreError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The data folder {path} can't be made: {reason(error)}. "
            "Choose another one with SMTP_CONNECTOR_HOME, or mend this one."
        ) from error
    return path


def write_beside(path: Path, data: bytes) -> Path:
    """A new file beside `path`, mode 0600, on the disk, ready to be renamed to it. Raises `OSError`."""
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def replace(path: Path, data: bytes) -> None:
    """Give `path` this content in one step: a crash leaves the old or the new. Raises `StoreError`."""
    private_folder(path.parent)
    try:
        beside = write_beside(path, data)
        try:
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {reason(error)}. What it held before is unchanged."
        ) from error


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, so that a rename in it outlives a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
