"""A relay in this process, as the command line starts it, and plain talk with it."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from argparse import Namespace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from delivery.pool import Pool
from doors.relay.command import open_listeners, spool_of
from doors.relay.limits import Limits
from doors.relay.log import Log

PATIENCE = 20.0
"""Seconds that an answer may take: much, because the machine may be busy."""
QUICK = Limits(drain_seconds=5.0, lend_seconds=0.5)


class Heard:
    """The relay's log, line by line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.changed = threading.Condition()

    def say(self, text: str, level: str = "info") -> None:
        with self.changed:
            self.lines.append((level, text))
            self.changed.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.lines)

    def wait_for(self, part: str) -> str:
        """The first line with `part` in it."""

        def found() -> str:
            return next((text for _, text in list(self.lines) if part in text), "")

        with self.changed:
            assert self.changed.wait_for(lambda: bool(found()), PATIENCE), (
                f"no line with {part!r}: {self.text}"
            )
        return found()


class RunningRelay:
    """Serves inside a `with`. `options` are the command line's, by their names there."""

    def __init__(self, *, limits: Limits = QUICK, transcript: bool = True, **options: Any) -> None:
        given = {
            "asset": None,
            "destinations": None,
            "connectivity": None,
            "allow_plaintext_auth": False,
            "listen": "127.0.0.1:0",
            "accounts": None,
            "allow": [],
            "tls_cert": None,
            "tls_key": None,
            "transcript": transcript,
            "spool": False,
            "processes": 1,
            **options,
        }
        if isinstance(given["destinations"], str):
            given["destinations"] = [given["destinations"]]
        self.heard = Heard()
        log, arguments = Log(self.heard, steps=transcript), Namespace(**given)
        self.spool = spool_of(arguments, log, Pool())
        self.listeners = open_listeners(arguments, log, limits, self.spool)
        self.ports = {
            name: int(port) for port, name in re.findall(r"listening on \S+?:(\d+) for (.+)", self.heard.text)
        }
        self._thread = threading.Thread(target=self.listeners.serve, daemon=True)

    @property
    def port(self) -> int:
        """The first listener's."""
        return next(iter(self.ports.values()))

    def __enter__(self) -> Self:
        if self.spool is not None:
            self.spool.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.spool is not None:
            self.spool.__exit__(kind, error, trace)

    def stop(self) -> int:
        """As SIGTERM does; how many clients had to be cut off."""
        if not self._thread.is_alive():
            return 0
        self.listeners.stop()
        self._thread.join()
        return self.listeners.drain()


def asset_file(folder: Path, **fields: Any) -> str:
    """A JSON file of asset fields; plain SMTP to this machine unless they say otherwise."""
    path = folder / "prod.json"
    path.write_text(json.dumps({"server": "127.0.0.1", "ssl_config": "None", **fields}))
    return str(path)


class Talk:
    """A client that says exactly what it is told to."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._sock = socket.create_connection((host, port), timeout=PATIENCE)
        self._file = self._sock.makefile("rb")
        self.banner = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._sock.close()

    def vanish(self, *, is_reset: bool) -> None:
        """Go away without a word; `is_reset` does not even close as one should."""
        if is_reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, octets: bytes) -> None:
        self._sock.sendall(octets)

    def reply(self) -> str:
        """One whole reply, its lines joined; "" once the relay has closed."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode().rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    def say(self, line: str) -> str:
        """A line, and the reply to it."""
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def replies(self, octets: bytes, count: int) -> list[str]:
        """All at once, and so many replies."""
        self.send(octets)
        return [self.reply() for _ in range(count)]

    def codes(self, octets: bytes, count: int) -> list[str]:
        return [reply[:3] for reply in self.replies(octets, count)]

    @property
    def is_closed(self) -> bool:
        """Waits for it."""
        try:
            return self._file.read(1) == b""
        except ConnectionError:
            return True
