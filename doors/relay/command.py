"""`relay`: from the command line's words to listeners that serve until they are told to stop."""

from __future__ import annotations

import socket
import ssl
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from delivery.pool import Pool
from delivery.servers import servers_of
from doors.relay.accounts import Accounts, made
from doors.relay.admission import Admission, network
from doors.relay.clients import Clients
from doors.relay.limits import Limits
from doors.relay.listener import Listeners
from doors.relay.log import Lines, Log
from doors.relay.processes import MOST, Processes
from doors.relay.service import Service
from doors.relay.spool import MAX_MESSAGE, Spool
from doors.relay.ways import Way, ways
from host.local import inputs
from host.local.home import Home
from host.local.inputs import InputError
from host.local.prompt import asked
from host.local.run import first_signal
from smtp.loopback import is_loopback

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 2587


def relay(arguments: Namespace, lines: Lines, pool: Pool) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code. Raises `InputError` for what can't be used."""
    log = Log(lines, steps=arguments.transcript)
    spool = spool_of(arguments, log, pool)
    listeners = open_listeners(arguments, log, Limits(), spool)
    # Where there are processes, they have the worker.
    work = spool if spool is not None and arguments.processes == 1 else nullcontext()
    with first_signal(lambda _number: listeners.stop()), work:
        listeners.serve()
        log.tell("stopping: mails that are under way are ended")
        cut_off = listeners.drain()
    if cut_off:
        log.warn(f"{cut_off} clients were cut off")
    return 0


def spool_of(arguments: Namespace, log: Log, pool: Pool) -> Spool | None:
    """Where mails are kept with `--spool`. Raises `InputError` for what no worker could send them over."""
    if not arguments.spool:
        return None
    home = Home()
    given = inputs.asset(arguments.asset, home) if arguments.asset else None
    if given is None or not given.name:
        raise InputError(
            "--spool needs a stored asset, so that a worker can send later: "
            "smtp-connector asset add NAME, then relay --asset NAME --spool."
        )
    return Spool(given.name, home, pool, log)


def open_listeners(arguments: Namespace, log: Log, limits: Limits, spool: Spool | None = None) -> Listeners:
    """Listen for everything that the command line names, and announce it. Raises `InputError`."""
    if spool is not None:
        limits = replace(limits, message=min(limits.message, MAX_MESSAGE))
    host, port = listening_on(arguments.listen)
    if not 1 <= arguments.processes <= MOST:
        raise InputError(f"--processes {arguments.processes}: give a number from 1 to {MOST}.")
    admission = _admission(arguments, host)
    tls = _tls(arguments)
    if admission.accounts is not None and tls is None and not is_loopback(host):
        log.warn("Accounts without --tls-cert: their passwords cross the network in clear.")
    if arguments.processes == 1:
        listeners = Listeners(limits, Clients(limits))
    else:
        listeners = Listeners(limits, Processes(arguments.processes, limits, log, spool))
    for way in ways(arguments, log, limits):
        service = Service(
            way.name,
            way.upstream,
            admission,
            limits,
            log,
            socket.gethostname(),
            tls,
            way.tokens,
            way.dsn_notify,
            way.dsn_ret,
            spool,
        )
        _check_no_circle(way, host, way.port or port)
        got = listeners.add(service, host, way.port or port)
        port += bool(port and not way.port)
        log.tell(f"listening on {_shown(host)}:{got} for {way.name}")
    return listeners


def _check_no_circle(way: Way, host: str, port: int) -> None:
    """Raises `InputError` where every mail would come back, each time over one more connection, until none is left."""
    if not port or way.upstream.asset.proxy:
        return
    for server in servers_of(way.upstream.asset):
        is_here = is_loopback(server.host) and (is_loopback(host) or host in ("0.0.0.0", "::"))  # noqa: S104 - compared
        if server.port == port and (is_here or server.host == host):
            raise InputError(f"{way.name} has this relay itself as its mail server: {server}.")


def make_account(name: str) -> str:
    """The line of an account, with a password that is prompted for, or from standard input. Raises `InputError`."""
    return made(name, asked("Password", twice=True))


def listening_on(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `[::1]:PORT`, a host or a port alone. Raises `InputError`."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = ("", text) if text.isdecimal() else (text, str(DEFAULT_PORT))
    host = host.strip("[]") or DEFAULT_HOST
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise InputError(f"--listen {text!r:.80}: give HOST:PORT, for example 127.0.0.1:2587.")
    return host, int(port)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _admission(arguments: Namespace, host: str) -> Admission:
    """Raises `InputError`, also where everybody could come in."""
    try:
        networks = tuple(network(text) for text in arguments.allow)
    except ValueError as error:
        raise InputError(f"--allow: {error}.") from error
    accounts = Accounts.read(Path(arguments.accounts)) if arguments.accounts else None
    if not networks and accounts is None and not is_loopback(host):
        raise InputError(
            f"{host} can be reached by others than this machine, so the relay would send mail for anybody: "
            "say who may come in with --allow NETWORK or --accounts FILE."
        )
    return Admission(networks, accounts)


def _tls(arguments: Namespace) -> ssl.SSLContext | None:
    if not arguments.tls_cert:
        if arguments.tls_key:
            raise InputError("--tls-key is given without --tls-cert.")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password OpenSSL would ask at the terminal for that of a locked key.
        context.load_cert_chain(arguments.tls_cert, arguments.tls_key or None, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else ""
        what = reason or "certificate and key are not PEM, don't fit together, or are locked"
        raise InputError(f"--tls-cert {arguments.tls_cert}: {what}.") from error
    return context
