"""Clients that are programs: one is started for each cell, and told line by line what to send.

The first line is of settings: port, plain or starttls or ssl, the file of the authority to trust, seconds of patience,
user and password ("" where there is no login). Each further one is a mail: sender, message in base64, recipients. The
program answers each mail with a line: sent or failed, and the recipients that were refused, if it says so.
Fields are separated by tabs.
"""

from __future__ import annotations

import base64
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tests.support.authority import authority

CLIENTS = Path(__file__).parent / "clients"
INSTALLED = Path(__file__).parents[2] / ".local" / "faults"
PROCESSES = 4
"""So many programs at once."""
LONGEST = 60.0
"""Seconds that a client may take with a mail. Its own patience is far less."""


class Hung(Exception):
    """A client said nothing more."""


@dataclass(frozen=True, slots=True)
class Program:
    """`title` as far as it is known without asking; `command` starts it with `environment`."""

    name: str
    title: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def install(self) -> str:
        """Install it if it is not there, and return its name with its version. Raises `CalledProcessError`."""
        done = subprocess.run(
            ["bash", str(CLIENTS / "install.sh"), self.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()[-1]

    def started(self, port: int, tls: str, patience: float, user: str, password: str) -> Conversation:
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        conversation = Conversation(process)
        conversation.say(str(port), tls, f"{_folder().name}/authority.pem", str(patience), user, password)
        return conversation


class Conversation:
    """A program that is running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, sender: str, message: bytes, recipients: Collection[str]) -> tuple[bool, list[str]]:
        """Whether it says that the mail was sent, and who was refused. Raises `Hung`."""
        assert self._process.stdout is not None
        self.say(sender, base64.b64encode(message).decode("ascii"), *recipients)
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        if not poll.poll(LONGEST * 1000):
            raise Hung(f"no word within {LONGEST:g} s")
        answer, *refused = self._process.stdout.readline().decode().rstrip("\n").split("\t")
        if answer not in ("sent", "failed"):
            raise Hung(f"it ended with {self._process.wait()}")
        return answer == "sent", refused

    def say(self, *fields: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(fields).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Kept here, so that it goes when this process does."""
    folder = tempfile.TemporaryDirectory(prefix="faults-")
    (Path(folder.name) / "authority.pem").write_text(authority().pem)
    return folder


_DEBIAN = INSTALLED / "debian" / "usr"
PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        program.name: program
        for program in (
            Program("nodemailer", "nodemailer", ("node", str(INSTALLED / "node" / "client.js"))),
            Program(
                "libcurl",
                "libcurl",
                (sys.executable, str(CLIENTS / "libcurl.py")),
                {"PYTHONPATH": str(INSTALLED / "python")},
            ),
            Program(
                "net-smtp",
                "Net::SMTP",
                ("perl", str(CLIENTS / "net_smtp.pl")),
                {"PERL5LIB": f"{_DEBIAN}/share/perl5:{INSTALLED}/perl5"},
            ),
            Program("go", "net/smtp of Go", (str(INSTALLED / "go"),)),
            Program(
                "msmtp",
                "msmtp",
                (sys.executable, str(CLIENTS / "msmtp.py")),
                {
                    "PATH": f"{_DEBIAN}/bin:{os.environ.get('PATH', '')}",
                    "LD_LIBRARY_PATH": f"{INSTALLED}/lib",
                },
            ),
            Program(
                "jakarta",
                "Jakarta Mail",
                (
                    *("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                    *("-cp", f"{INSTALLED}/java:{_DEBIAN}/share/java/*", "Client"),
                ),
            ),
        )
    }
)
