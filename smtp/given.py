"""What a session takes for addresses and messages beside our own types: texts, octets, a message written in pieces."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from smtp import commands
from smtp.connection import Connection
from smtp.content import CHUNK_SIZE, Content, Octets
from smtp.envelope import Address
from smtp.errors import InvalidValue, Step
from smtp.extensions import Extensions
from smtp.reply import Reply
from smtp.transaction import refused

_LINE_END = re.compile(rb"\r\n|\r|\n")
_QUOTED = re.compile(r"\\(.)", re.DOTALL)
_IN_MEMORY = 1 << 20
"""Octets of a message that is written piece by piece; more go to a file until it is complete."""


def split_address(address: str) -> tuple[str, int]:
    """Host and port of HOST:PORT, the port being a number or a service's name. Raises `InvalidValue`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port or (":" in host and not address.startswith("[")):
        raise InvalidValue(f"{address!r} is not HOST:PORT")
    try:
        number = int(port) if port.isascii() and port.isdigit() else socket.getservbyname(port, "tcp")
    except OSError as exc:
        raise InvalidValue(f"there is no service {port!r}") from exc
    if not 0 < number < 65536:
        raise InvalidValue(f"there is no port {port}")
    return host, number


def address_of(value: Address | str | bytes) -> Address:
    """An address that is written as it is on the wire, with or without angle brackets. Raises `InvalidValue`."""
    if isinstance(value, Address):
        return value
    try:
        text = value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as exc:
        raise InvalidValue("an address is ASCII or UTF-8") from exc
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    local_part, _, domain = text.rpartition("@")
    if len(local_part) > 1 and local_part.startswith('"') and local_part.endswith('"'):
        local_part = _QUOTED.sub(r"\1", local_part[1:-1])
    return Address(local_part, domain)


def sender_of(value: Address | str | bytes) -> Address | None:
    """The same for a sender, which may be nobody: "" or "<>". Raises `InvalidValue`."""
    return None if value in ("", b"", "<>", b"<>") else address_of(value)


def parameters_for(sender: Address | None, offered: Extensions) -> tuple[str, ...]:
    """What MAIL says beside the sender: BODY=8BITMIME where it is offered, SMTPUTF8 where it is needed."""
    eight_bit = ("BODY=8BITMIME",) if "8BITMIME" in offered else ()
    needs_utf8 = sender is not None and not sender.is_ascii and "SMTPUTF8" in offered
    return (*eight_bit, "SMTPUTF8") if needs_utf8 else eight_bit


def finish_data(connection: Connection, content: Content | str | bytes) -> Reply:
    """Write a message that the server has said 354 to, and wait for its word on it. Raises `SmtpError`."""
    if isinstance(content, str | bytes):
        content = Octets(content.encode() if isinstance(content, str) else content)
    rest = connection.write_to_its_end(content, chunking=False)
    connection.write(rest + connection.engine.send(commands.END), Step.BODY, is_end=True)
    answer = connection.next_answer()
    if not answer.is_accepted:
        raise refused(answer)
    return answer.reply


class MessageWriter:
    """A message that is written piece by piece, as texts or octets, with any line ends; `close` sends it.

    The server gets it whole or not at all: a `with` that ends in an error closes the connection instead.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed in `close`
        self._size = 0
        self._held = b""
        """A CR whose LF may come with the next piece."""

    def write(self, data: str | bytes) -> int:
        """Add to the message; returns the characters or octets that were taken."""
        octets = self._held + (data.encode() if isinstance(data, str) else data)
        self._held = b"\r" if octets.endswith(b"\r") else b""
        self._add(_LINE_END.sub(b"\r\n", octets[:-1] if self._held else octets))
        return len(data)

    def close(self) -> Reply:
        """Send the message; the server's word on it. Raises `SmtpError`, as `Session.data`."""
        with self._file:
            if self._held or not self._ends_a_line():
                self._add(b"\r\n")
            return finish_data(self._connection, _Written(self._file, self._size))

    def _add(self, octets: bytes) -> None:
        self._file.write(octets)
        self._size += len(octets)

    def _ends_a_line(self) -> bool:
        if self._size < 2:
            return False
        self._file.seek(self._size - 2)
        return self._file.read(2) == b"\r\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._connection.close()


class _Written:
    """What was written, as content."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(CHUNK_SIZE):
            yield piece
