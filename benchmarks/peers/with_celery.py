"""Celery with smtplib, each in its exact version, installed into an environment of its own.

Its broker is what needs no service: files in a folder, the quicker one of the two that Celery has for that (the other
is a database by SQLAlchemy). It promises little: what a worker had taken when it was killed, up to four mails for each
of its processes, is lost, and what became of a mail is written nowhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.mails import SENDER
from benchmarks.result import Unavailable
from tests.real.processes import wait_until

_HERE = Path(__file__).parent / "celery_smtplib"
_FOLDER = Path(__file__).resolve().parents[2] / ".local" / "celery"
_PROGRAMS = _FOLDER / "bin"


class Worker:
    """A worker that is ready."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def submit(self, mails: Iterable[Mapping[str, str]]) -> None:
        """Hand these mails over; they are in files then."""
        subprocess.run(
            [str(_PROGRAMS / "python"), "tasks.py"],
            input=json.dumps([{"from": SENDER, **mail} for mail in mails]),
            text=True,
            cwd=_HERE,
            env=self._env,
            check=True,
            timeout=3600,
        )


@contextmanager
def worker(port: int, processes: int) -> Iterator[Worker]:
    """It sends to a port of this machine."""
    install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("queue", "control"):
            (folder / part).mkdir()
        env = {
            **os.environ,
            "PORT": str(port),
            "QUEUE": str(folder / "queue"),
            "CONTROL": str(folder / "control"),
        }
        command = [str(_PROGRAMS / "celery"), "-A", "tasks", "worker", "--concurrency", str(processes)]
        log = folder / "log"
        with log.open("w") as written:
            process = subprocess.Popen(
                [*command, "--loglevel", "INFO"], cwd=_HERE, env=env, stdout=written, stderr=written
            )
        try:
            wait_until(lambda: " ready." in log.read_text(), "Celery's worker to be ready", 120)
            yield Worker(env)
        finally:
            process.terminate()
            process.wait(60)


def install() -> None:
    """Quick when it is there already: the folder keeps the lock file that it was made from."""
    lock, installed = _HERE / "requirements.txt", _FOLDER / "installed"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        raise Unavailable("uv is missing, which installs Celery: make setup")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_FOLDER)], check=True)
    command = [
        str(uv),
        "pip",
        "install",
        "--quiet",
        "--python",
        str(_PROGRAMS / "python"),
        "--require-hashes",
    ]
    subprocess.run([*command, "--requirement", str(lock)], check=True, timeout=600)
    installed.write_bytes(lock.read_bytes())
