"""An attachment of 100 MB: its time beside reading, base64 and `sendall` alone, its memory beside one of 1 kB."""

from __future__ import annotations

import os
import socket
from base64 import encodebytes
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from types import MappingProxyType

from benchmarks import child, ours, servers
from benchmarks.clock import medians, seconds
from benchmarks.mails import SENDER, asset
from benchmarks.peers import with_smtplib
from benchmarks.result import Figure, Part, Result
from host.local.home import Home

LARGE, SMALL = 100_000_000, 1000
TIME_AIM, MEMORY_AIM = 1.5, 16
IN_LINES, IN_ONE = "read, base64.encodebytes, sendall", "read, base64 in one line, sendall"
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {IN_LINES: encodebytes, IN_ONE: partial(b2a_base64, newline=False)}
)
_BLOCK = 57 * 2300


def measure_time(effort: int, alone: str) -> Result:
    """`alone` names the least that has to be done, which the connector is compared with."""
    with _vault() as home, servers.drain("PIPELINING", "CHUNKING") as port:
        path, mail = home.large, home.mail(LARGE)
        took = medians(
            {
                alone: partial(seconds, partial(_alone, port, path, ENCODERS[alone])),
                "connector, CHUNKING": partial(seconds, partial(ours.run, asset(port), [mail])),
                "connector, DATA": partial(
                    seconds, partial(ours.run, asset(port, disable_chunking=True), [mail])
                ),
            },
            2 * effort + 1,
        )
        if alone == IN_LINES:
            took["smtplib"] = seconds(partial(with_smtplib.with_attachment, port, path))
    factor = took["connector, CHUNKING"] / took[alone]
    figures = tuple(Figure(name, value, name.startswith("connector")) for name, value in took.items())
    return Result("s", figures, f"{factor:.2f} times", factor <= TIME_AIM)


def measure_memory(effort: int) -> Result:
    with _vault() as home, servers.drain("PIPELINING", "CHUNKING") as port:
        peaks = {
            size: median(
                child.run("action", home.folder, port=port, parameters=[home.mail(size)]).mib
                for _ in range(effort)
            )
            for size in (SMALL, LARGE)
        }
        peer = child.run("smtplib", home.folder, port=port, path=str(home.large)).mib
    more = peaks[LARGE] - peaks[SMALL]
    figures = (
        Figure("connector, 1 kB", peaks[SMALL], is_ours=True),
        Figure("connector, 100 MB", peaks[LARGE], is_ours=True),
        Figure("smtplib, 100 MB", peer),
    )
    return Result("MiB", figures, f"{more:.1f} MiB more", more <= MEMORY_AIM)


class _Vault:
    """A data folder whose vault has a large file and a small one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.large = folder / "large.bin"
        self.large.write_bytes(os.urandom(LARGE))
        small = folder / "small.bin"
        small.write_bytes(os.urandom(SMALL))
        vault = Home(self.folder).vault
        self._ids = {LARGE: vault.add(self.large).vault_id, SMALL: vault.add(small).vault_id}

    def mail(self, size: int) -> dict[str, str]:
        return {"to": "person0@example.com", "body": "See the evidence.", "attachments": self._ids[size]}


@contextmanager
def _vault() -> Iterator[_Vault]:
    with ours.data_folder() as folder:
        yield _Vault(folder)


def _alone(port: int, path: Path, encode: Callable[[bytes], bytes]) -> None:
    """Hardly any SMTP, no checks, no digest."""
    with socket.create_connection(("127.0.0.1", port)) as sock, path.open("rb", buffering=0) as file:
        sock.recv(1000)
        blocks, rest = divmod(LARGE, _BLOCK)
        octets = blocks * len(encode(bytes(_BLOCK))) + len(encode(bytes(rest)))
        sock.sendall(f"MAIL FROM:<{SENDER}>\r\n".encode())
        sock.recv(1000)
        sock.sendall(f"BDAT {octets} LAST\r\n".encode())
        while block := file.read(_BLOCK):
            sock.sendall(encode(block))
        sock.recv(1000)


PARTS = (
    Part(
        "attachment",
        "attachment of 100 MB: time, beside base64 in lines as mail needs it",
        f"at most {TIME_AIM} times reading, base64 and `sendall` alone",
        partial(measure_time, alone=IN_LINES),
    ),
    Part(
        "unbroken",
        "attachment of 100 MB: time, beside base64 without a line end",
        f"at most {TIME_AIM} times reading, base64 and `sendall` alone",
        partial(measure_time, alone=IN_ONE),
    ),
    Part(
        "memory",
        "attachment of 100 MB: memory",
        f"at most {MEMORY_AIM} MiB more than for 1 kB",
        measure_memory,
    ),
)
