"""A private PostgreSQL (Debian's package): a cluster in a temporary folder, on a loopback port, as its own user."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.processes import ServerTrouble, free_port

_USER = "postgres"


@contextmanager
def postgresql() -> Iterator[str]:
    """The server's address, as SQLAlchemy has it, without a database. Everything is gone afterwards."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        raise ServerTrouble("PostgreSQL is not installed: run tests/real/install.sh")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    owner = pwd.getpwnam(_USER)
    shutil.chown(folder, owner.pw_uid, owner.pw_gid)
    data, port = folder / "data", free_port()
    try:
        _run(
            folder, programs / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--no-sync"
        )
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c max_connections=200"
        _run(folder, programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start")
        try:
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}"
        finally:
            _run(folder, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, *command: object) -> None:
    """As the server's user: PostgreSQL does not start as root."""
    # Its output goes nowhere: the server that is started keeps it open.
    done = subprocess.run(
        ["runuser", "-u", _USER, "--", *map(str, command)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    if done.returncode:
        log = folder / "log"
        said = log.read_text() if log.exists() else ""
        raise ServerTrouble(f"{command[0]} ended with {done.returncode}. {said[-2000:]}")
