"""Programs that the tests start: free ports, bounded commands, daemons that never outlive their test."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

# Above 10000, and below those that Linux gives to whoever asks for any port: a server takes its port a while
# after it was chosen.
PORTS = range(10_001, 32_768)


class ServerTrouble(RuntimeError):
    """A real server is absent, did not start or did not do what was asked; its own words are in the message."""


def free_port() -> int:
    """A port of 127.0.0.1, from `PORTS`, on which nothing listens now."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> tuple[int, ...]:
    """As many different ones."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return tuple(found)


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Return once `true()` holds. Raises `ServerTrouble` naming `what` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise ServerTrouble(f"Waited {seconds:g} s in vain for {what}.")
        time.sleep(0.02)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def run(
    command: Sequence[str],
    *,
    seconds: float = 60.0,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What `command` wrote to its standard output. Raises `ServerTrouble` with all it said when it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            check=False,
        )
    except FileNotFoundError as exc:
        raise ServerTrouble(f"{command[0]} is not installed. `make test-real` installs it.") from exc
    if done.returncode:
        raise ServerTrouble(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def public_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that the daemons' own users can enter (pytest's are for one user alone)."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


class Daemon:
    """A program that stays in the foreground, with its children: started on entry, gone on exit.

    `log` gets what it prints. It is ready when every port of `ports` accepts a connection.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        ports: Sequence[int],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._command = command
        self._log = log
        self._ports = ports
        self._environment = environment
        self._folder = folder

    def __enter__(self) -> Self:
        try:
            self._start()
        except ServerTrouble:
            self._start()  # Node has been seen to stand still for ever while it starts, once in many hundred times
        return self

    def _start(self) -> None:
        with self._log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,
                )
            except FileNotFoundError as exc:
                raise ServerTrouble(
                    f"{self._command[0]} is not installed. `make test-real` installs it."
                ) from exc
        try:
            wait_until(self._is_ready, f"{self._command[0]} to listen")
        except ServerTrouble as exc:
            self._stop()
            raise ServerTrouble(f"{exc}\n{self._log.read_text(errors='replace')[-4000:]}") from exc

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _is_ready(self) -> bool:
        all_listen = all(listens(port) for port in self._ports)
        if self._process.poll() is not None:
            raise ServerTrouble(f"{self._command[0]} ended with {self._process.returncode}.")
        return all_listen

    def _stop(self) -> None:
        """Ask the program to end, then end its whole session: nothing of it may be left running."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
