"""Postfix's own load generator, in C: one session at a time, for each message a connection or one that is kept."""

from __future__ import annotations

import os
import shutil
import subprocess

from benchmarks.result import Unavailable


def send(port: int, octets: int, count: int, *, kept: bool) -> None:
    """`count` messages of `octets`."""
    command = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        raise Unavailable("smtp-source is missing: it is in Debian's package postfix")
    what = ["-l", str(octets), "-m", str(count), "-f", "me@example.com", "-t", "person0@example.com"]
    how = ["-s", "1", *(["-d"] if kept else [])]
    subprocess.run([command, *how, *what, f"127.0.0.1:{port}"], check=True, timeout=600)
