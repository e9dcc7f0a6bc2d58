"""Postfix's own load generator, in C. A session makes a connection for each message, or keeps one."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks.result import Unavailable


def send(port: int, octets: int, count: int, *, kept: bool, sessions: int = 1) -> None:
    """`count` messages of `octets`, over so many sessions at once."""
    command = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        raise Unavailable("smtp-source is missing: it is in Debian's package postfix")
    what = ["-l", str(octets), "-m", str(count), "-f", "me@example.com", "-t", "person0@example.com"]
    how = ["-s", str(sessions), *(["-d"] if kept else [])]
    subprocess.run([command, *how, *what, f"127.0.0.1:{port}"], check=True, timeout=600)
