"""Where the pluggable component's socket lies: Dapr looks into a folder, and takes a file's name for the type."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from host.local.inputs import InputError

FOLDER_VARIABLE = "DAPR_COMPONENTS_SOCKETS_FOLDER"
DEFAULT_FOLDER = "/tmp/dapr-components-sockets"  # noqa: S108 - where Dapr looks
FILE = "smtp.sock"
"""The component is `bindings.smtp` then."""
_LONGEST = 107
"""Octets of a socket's path on Linux."""


def socket_path(wanted: str) -> Path:
    """The socket's file: `wanted` is it, or the folder for it; "" is Dapr's folder.

    Its folder is made, and a socket that nobody serves any more is removed. Raises `InputError`.
    """
    named = wanted or os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER)
    path = Path(named)
    if not wanted or named.endswith("/") or path.is_dir():
        path = path / FILE
    path = path.absolute()
    if len(os.fsencode(path)) > _LONGEST:
        raise InputError(f"{path} is too long for a socket: it may have {_LONGEST} octets.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            _remove_abandoned(path)
    except OSError as error:
        raise InputError(f"The socket {path} can't be made: {error.strerror}.") from error
    return path


def _remove_abandoned(path: Path) -> None:
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise InputError(f"{path} is there, and it is no socket.")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise InputError(f"{path} is served by another program.")
