"""`smtp_connector.py dapr`: opens the ways in that were asked for, and serves until the process is told to stop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from delivery.pool import Pool
from doors.dapr.binding import Binding
from doors.dapr.resources import Resources, read_resources
from doors.dapr.secrets import Secrets
from doors.dapr.sidecar import TOKEN_VARIABLE, Sidecar
from doors.dapr.socket_path import FOLDER_VARIABLE, socket_path
from host.local.home import Home
from host.local.inputs import InputError
from host.local.run import first_signal
from host.manifest.model import load
from smtp.loopback import is_loopback

DEFAULT_MAX_BODY = 4 << 20
"""Octets, as Dapr has it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for. Addresses are HOST:PORT; what was not given is None."""

    resources: Path | None
    secrets: Path | None = None
    socket: str | None = None
    http: str | None = None
    grpc: str | None = None
    max_body: int = DEFAULT_MAX_BODY

    @property
    def has_socket(self) -> bool:
        """Whether Dapr itself is served: asked for here or by Dapr's own variable, or because nothing else is."""
        return bool(self.socket or os.environ.get(FOLDER_VARIABLE) or not (self.http or self.grpc))


class _Door(Protocol):
    """A way in."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def serve(wanted: Wanted, home: Home, pool: Pool, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is under way. Raises `InputError` if that can't be begun."""
    if wanted.resources is None and (wanted.http or wanted.grpc):
        raise InputError("--http and --grpc need --resources: the folder with the components.")
    resources = Resources()
    if wanted.resources is not None:
        resources = read_resources(wanted.resources, Secrets(wanted.secrets), tell)
    binding = Binding(home, pool, tell)
    sidecar = Sidecar(resources, binding, load().version)
    stopped = threading.Event()
    with first_signal(lambda _: stopped.set()):
        doors: list[_Door] = []
        try:
            if wanted.http:
                doors.append(_open_http(wanted.http, sidecar, wanted.max_body, tell))
            if wanted.grpc:
                doors.append(_open_grpc(wanted.grpc, sidecar, wanted.max_body, tell))
            if wanted.has_socket:
                doors.append(_open_socket(wanted.socket or "", binding, wanted.max_body, tell))
            # A signal that comes just before a wait begins is seen when the wait ends.
            while not stopped.wait(1.0):
                pass
        finally:
            for door in doors:
                door.stop()


def _open_http(address: str, sidecar: Sidecar, max_body: int, tell: Callable[[str], None]) -> _Door:
    from doors.dapr.http import HttpDoor

    listener = _listener(address)
    door = HttpDoor(sidecar, listener, max_body)
    door.start()
    _tell_listening(listener.getsockname()[:2], "HTTP", sidecar, tell)
    return door


def _open_grpc(address: str, sidecar: Sidecar, max_body: int, tell: Callable[[str], None]) -> _Door:
    from doors.dapr.grpc import runtime_door

    host, wanted = split_address(address)
    door = runtime_door(sidecar, max_body)
    try:
        port = door.listen(address)
    except RuntimeError as error:
        # grpc says why in a log of its own only.
        raise InputError(
            f"{address} can't be listened on: is {wanted} in use, and {host} of this machine?"
        ) from error
    door.start()
    _tell_listening((host, port), "gRPC", sidecar, tell)
    return door


def _open_socket(wanted: str, binding: Binding, max_body: int, tell: Callable[[str], None]) -> _Door:
    from doors.dapr.grpc import pluggable_door

    path = socket_path(wanted)
    door = pluggable_door(binding, tell, max_body)
    try:
        door.listen(f"unix:{path}")
    except RuntimeError as error:
        raise InputError(f"The socket {path} can't be made.") from error
    door.start()
    tell(f"listening on {path} for Dapr")
    return door


def _tell_listening(
    at: tuple[str, int], protocol: str, sidecar: Sidecar, tell: Callable[[str], None]
) -> None:
    host, port = at
    shown = f"[{host}]" if ":" in host else host
    tell(f"listening on {shown}:{port} for {protocol}")
    if not is_loopback(host) and not sidecar.wants_token:
        tell(f"Whoever reaches {shown}:{port} can send mail: set {TOKEN_VARIABLE}, or listen on 127.0.0.1.")


def _listener(address: str) -> socket.socket:
    """Raises `InputError`."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(f"{address} can't be listened on: {error.strerror or error}.") from error


def split_address(address: str) -> tuple[str, int]:
    """The host and port of HOST:PORT. Raises `InputError`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InputError(f"{address} is not HOST:PORT, as in 127.0.0.1:3500.")
    return host, int(port)
