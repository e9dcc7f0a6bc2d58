"""What the mail goes to: sinks, a real Postfix, and the relay that makes the way there long."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.result import Unavailable
from tests.real.certificates import Certificates
from tests.real.postfix import Postfix, Service
from tests.real.processes import ServerTrouble, free_port, listens, wait_until
from tests.support.authority import authority
from tests.support.scripted import ScriptedServer, Settings

ROOT = Path(__file__).resolve().parent.parent
DELAY = 0.025
"""Seconds each way: a round trip of 50 ms."""
USERNAME, PASSWORD = "me@example.com", "correct horse"


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Postfix's smtp-sink on a port. It offers PIPELINING; Debian's has no CHUNKING."""
    command = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
    if command is None:
        raise Unavailable("smtp-sink is missing: it is in Debian's package postfix")
    port = free_port()
    user = ["-u", "postfix"] if os.getuid() == 0 else []
    process = subprocess.Popen([command, *user, f"127.0.0.1:{port}", "1000"], stderr=subprocess.DEVNULL)
    with _ended(process):
        wait_until(lambda: listens(port), "smtp-sink to listen")
        yield port


@contextmanager
def drain(*capabilities: str) -> Iterator[int]:
    """The sink that is never the bottleneck."""
    with counting_drain(*capabilities) as sink:
        yield sink.port


class Drain:
    """That sink, which says how many messages it has accepted; `port` is the way in."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = number(process)

    def accepted(self) -> int:
        return asked(self._process)

    def wait_for(self, count: int, seconds: float) -> None:
        """Return once so many messages have been accepted since it began. Raises `ServerTrouble` after so long."""
        wait_until(lambda: self.accepted() >= count, f"{count:,} messages to arrive", seconds)


@contextmanager
def counting_drain(*capabilities: str) -> Iterator[Drain]:
    with python("benchmarks.drain", *capabilities) as process:
        yield Drain(process)


@contextmanager
def postfix() -> Iterator[int]:
    """A real Postfix with PIPELINING and CHUNKING, which accepts every mail to example.com and forgets it.

    Its queue lies in memory: how fast the disk is does not matter here.
    """
    memory = Path("/dev/shm")
    try:
        with tempfile.TemporaryDirectory(
            prefix="smtp-connector-", dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            folder.chmod(0o755)
            service = Service()
            with _Forgetful(
                folder,
                Certificates(folder).server("localhost"),
                [service],
                domains=["example.com"],
                recipients=[],
                refusals={"example.com": "DISCARD"},
            ) as server:
                yield server.port(service)
    except (ServerTrouble, PermissionError, KeyError) as error:
        raise Unavailable(f"a private Postfix needs Debian's package and root: {error}") from error


@contextmanager
def submission(*, chunking: bool) -> Iterator[tuple[int, str]]:
    """A port with STARTTLS and a login, and its authority as PEM."""
    settings = Settings(
        tls="starttls", chunking=chunking, auth=("PLAIN", "LOGIN"), logins={USERNAME: PASSWORD}, lifetime=300
    )
    with ScriptedServer(settings) as server:
        yield server.port, authority().pem


class _Forgetful(Postfix):
    """What it discards never reaches its queue manager, whose pace it would otherwise fall into with what it takes."""

    def _main(self) -> str:
        return f"{super()._main()}in_flow_delay = 0s\n"


class Link:
    """A relay in front of a port; `port` is the way in."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = number(process)

    def round_trips(self) -> int:
        """How many there were since the last call."""
        return asked(self._process)


@contextmanager
def link(port: int, delay: float = DELAY) -> Iterator[Link]:
    """`port`, from `delay` seconds away."""
    with python("benchmarks.relay", str(port), str(delay)) as process:
        yield Link(process)


@contextmanager
def python(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, _ended(process):
        yield process


@contextmanager
def _ended(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def asked(process: subprocess.Popen[str]) -> int:
    """The number that it answers a line with."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return number(process)


def number(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())
