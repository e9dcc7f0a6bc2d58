"""The relay's own accounts: a file with a line `NAME:ARGON2-HASH` for each."""

from __future__ import annotations

import threading
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from host.local.inputs import InputError

AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 64 MiB, which is what makes guessing dear."""
_HASHER = PasswordHasher()


class Accounts:
    """Names and hashes, read once."""

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = hashes
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._of_nobody = _HASHER.hash("nobody's password")

    @classmethod
    def read(cls, path: Path) -> Accounts:
        """Raises `InputError` for a file that can't be read, or a line that is none."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise InputError(f"The accounts in {path} can't be read: {reason}.") from error
        hashes: dict[str, str] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, _, hashed = line.strip().partition(":")
            if not name or not hashed.startswith("$argon2"):
                raise InputError(
                    f"{path}, line {number}: an account is NAME:ARGON2-HASH; relay --make-account NAME prints one."
                )
            if name in hashes:
                raise InputError(f"{path}, line {number}: the account {name!r:.80} is there twice.")
            hashes[name] = hashed
        if not hashes:
            raise InputError(f"{path} holds no account; relay --make-account NAME prints one.")
        return cls(hashes)

    def is_right(self, name: str, password: str) -> bool:
        """Whether there is such an account with this password. Takes as long for a name that there isn't."""
        hashed = self._hashes.get(name)
        with self._places:
            try:
                _HASHER.verify(hashed or self._of_nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None


def made(name: str, password: str) -> str:
    """The line of an account. Raises `InputError`."""
    if not name or not name.isprintable() or ":" in name or name.startswith("#") or name != name.strip():
        raise InputError(
            f"{name!r:.80} can't be an account's name: it has no colon and does not begin with #."
        )
    if not password:
        raise InputError("An account needs a password.")
    return f"{name}:{_HASHER.hash(password)}"
