"""Folders and files that only their owner can read, written whole or not at all; and the key to the secrets in them.

Secrets are JSON values encrypted with one key (Fernet). It lies in the data folder, unless `SMTP_CONNECTOR_KEY_FILE`
names another file or systemd hands one over as the credential `smtp-connector.key`: then a copy of the folder alone
gives no secret away.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from actions.contract import HostError

DATABASE_VARIABLE = "SMTP_CONNECTOR_DATABASE"
"""Names a PostgreSQL server's database, for several machines: `postgresql+psycopg://…`."""
KEY_FILE = "secret.key"
KEY_VARIABLE = "SMTP_CONNECTOR_KEY_FILE"
CREDENTIAL = "smtp-connector.key"
CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts a service's credentials (systemd.exec(5))."""
DATABASE = "store.db"
STATE_FOLDER = "state"
_NEED_THE_KEY = (DATABASE, STATE_FOLDER)
_KEY_OCTETS = 32
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class StoreError(HostError):
    """The data folder, or something in it, can't be used. The message says which, why, and what to do."""


def is_server() -> bool:
    """Whether the database is a PostgreSQL server's, and not the data folder's own."""
    return bool(os.environ.get(DATABASE_VARIABLE, "").strip())


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


def key_path(folder: Path) -> Path:
    """Where the key of this data folder is."""
    if named := os.environ.get(KEY_VARIABLE):
        return expanded(named).absolute()
    if credentials := os.environ.get(CREDENTIALS):
        handed_over = Path(credentials) / CREDENTIAL
        if handed_over.exists():
            return handed_over
    return folder / KEY_FILE


def ensure_key(folder: Path) -> None:
    """Make the data folder's key unless it has one. Raises `StoreError`."""
    path = key_path(folder)
    if not os.access(path, os.F_OK):
        _make_key(path, folder)


def _make_key(path: Path, folder: Path) -> None:
    """Make it, unless another process is quicker. Raises `StoreError`.

    Beside anything that needs the key, a missing key is a lost one, and a new one would only hide that. (So
    the key is made before those, and they are looked for before it.) It comes into being complete,
    by a link: of several processes that start at once one wins, and all read the same.
    """
    try:
        in_use = any((folder / name).exists() for name in _NEED_THE_KEY)
    except OSError as error:
        raise StoreError(f"The data folder {folder} can't be read: {reason(error)}.") from error
    private_folder(folder)
    try:
        if path.exists():
            return
        if in_use:
            raise StoreError(_lost(path))
        beside = write_beside(path, base64.urlsafe_b64encode(os.urandom(_KEY_OCTETS)))
        try:
            os.link(beside, path)
        except FileExistsError:
            pass  # another process was quicker: its key is the key
        finally:
            beside.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"The key file {path} can't be made: {reason(error)}.") from error


class Cipher:
    """The data folder's key, read once, and made unless it has one. Raises `StoreError`."""

    def __init__(self, folder: Path) -> None:
        from cryptography.fernet import Fernet

        path = key_path(folder)
        try:
            if not path.exists():
                _make_key(path, folder)
            status = path.stat()
            key = path.read_bytes().strip()
        except OSError as error:
            raise StoreError(f"The key file {path} can't be read: {reason(error)}.") from error
        try:
            is_whole = len(base64.b64decode(key, altchars=b"-_", validate=True)) == _KEY_OCTETS
        except binascii.Error:
            is_whole = False
        if not is_whole:
            raise StoreError(
                f"The key file {path} is damaged. Nothing was changed. Put back the one that the stored secrets "
                "were encrypted with."
            )
        self.path = path
        self._file = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        self._fernet = Fernet(key)
        # A key of its own: Fernet's halves are for what Fernet does.
        self._of_macs = hmac.digest(key, b"what a mail is recognised by", "sha256")
        self.fingerprint = hmac.digest(self._of_macs, b"the key of this database", "sha256").hex()
        """By which a database knows the key that it is used with, and which tells nothing of it."""

    def is_as_it_was(self) -> bool:
        """Whether its file is the one that was read, so that it need not be read again."""
        try:
            status = self.path.stat()
        except OSError:
            return False
        return self._file == (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def mac(self, octets: bytes) -> bytes:
        """An HMAC of these, by which they can be recognised and not found out."""
        return hmac.digest(self._of_macs, octets, "sha256")

    def encrypt(self, value: Mapping[str, Any]) -> bytes:
        """`value` as JSON, encrypted."""
        return self._fernet.encrypt(json.dumps(value).encode())

    def encrypt_octets(self, octets: bytes) -> bytes:
        """`octets` as they are, encrypted."""
        return self._fernet.encrypt(octets)

    def decrypt(self, token: bytes, what: str) -> dict[str, Any]:
        """The value that `encrypt` was given. Raises `StoreError`, naming `what` could not be read."""
        from cryptography.fernet import InvalidToken

        try:
            value = json.loads(self._fernet.decrypt(token))
        except InvalidToken as error:
            raise StoreError(
                f"{what} can't be decrypted: it is damaged, or {self.path} is not the key it was "
                "stored with. Nothing was changed. Put that key back, or remove and enter it again."
            ) from error
        if not isinstance(value, dict):
            raise StoreError(f"{what} is damaged: it is not an object.")
        return value


def encrypt(folder: Path, value: Mapping[str, Any]) -> bytes:
    """`value` as JSON, encrypted with the folder's key. Raises `StoreError`."""
    return Cipher(folder).encrypt(value)


def decrypt(folder: Path, token: bytes, what: str) -> dict[str, Any]:
    """The value that `encrypt` was given. Raises `StoreError`, naming `what` could not be read."""
    return Cipher(folder).decrypt(token, what)


def _lost(path: Path) -> str:
    return (
        f"The key file {path} is missing, and what is stored can't be read without it. Nothing was changed. "
        "Put it back, or start anew with another folder (SMTP_CONNECTOR_HOME)."
    )
