"""`serve`: the console on an address of this machine, until somebody stops it."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from delivery.pool import Pool
from doors.console.again import SAMPLE_FILE
from doors.console.app import Beside, make_app
from doors.console.catcher import Catcher
from doors.console.console import Address, Console
from doors.console.home_pages import CATCHER
from doors.console.openid import OpenIdSettings, checked
from doors.console.redirect_pages import OPENID_CALLBACK
from host.local.files import StoreError, reason
from host.local.home import Home
from host.local.inputs import InputError
from host.local.streams import say
from host.local.worker import Worker
from host.manifest.model import load
from smtp.loopback import is_loopback

PORT = 8025
_LAST_RUNS = 30.0
"""Seconds that runs under way have to end, once the console is stopped."""
_SAMPLE_TEXT = "This file lies in the vault. A mail that has its vault id has the file as an attachment.\n"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str = "127.0.0.1"
    port: int = PORT
    catch: bool = False
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_secret: str = ""
    """The file that holds the secret."""


def serve(options: Options, pool: Pool, beside: Callable[[Console], Beside] | None = None) -> int:
    """Serve until a signal comes; returns the exit code. `beside` makes what else is served at the address.

    Raises `InputError` for what can't be begun.
    """
    if bool(options.tls_cert) != bool(options.tls_key):
        raise InputError("--tls-cert and --tls-key belong together: give both.")
    manifest, home, openid = load(), Home(), _openid(options)
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(options))
        address = _address(options, listener.getsockname()[1])
        catcher = stack.enter_context(Catcher()) if options.catch else None
        console = Console(manifest, home, pool, address, catcher, openid)
        _check_reach(options, console)
        if catcher is not None:
            _make_sample(console, catcher)
            say(f"The catcher takes mail at {catcher.asset['server']}:{catcher.port}, without a login.")
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(console, beside(console) if beside is not None else None),
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="on",
                ws="none",
                timeout_graceful_shutdown=3,
                ssl_certfile=options.tls_cert or None,
                ssl_keyfile=options.tls_key or None,
            )
        )
        worker = Worker(home, pool, say)
        working = threading.Thread(target=_work, args=(worker,), name="worker")
        working.start()
        _announce(options, console)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            pass  # uvicorn raises it again once it has stopped
        finally:
            worker.stop()
            console.live.close(_LAST_RUNS, say)
            working.join()
    return 0


def _work(worker: Worker) -> None:
    """Send what durable runs have, as `smtp-connector worker` does: one works, others stand by."""
    try:
        worker.run()
    except StoreError as error:
        say(f"Durable runs are not worked on here. {error}")


def make_user(name: str, password: str) -> None:
    """Add an administrator, before the console is opened to others. Raises `InputError`, `StoreError`."""
    from host.local.people.audit import Audit
    from host.local.people.database import PeopleDatabase
    from host.local.people.roles import Role
    from host.local.people.users import Users

    database = PeopleDatabase(Home().folder)
    Users(database).add(name, password, Role.ADMINISTRATOR)
    Audit(database).write("command line", "user added", name, role="administrator")


@contextmanager
def _listening(options: Options) -> Iterator[socket.socket]:
    with ExitStack() as stack:
        try:
            family = socket.getaddrinfo(options.host, None, type=socket.SOCK_STREAM)[0][0]
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, options.port))
            listener.listen()  # whoever follows the link at once is served as soon as it can be
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"{options.host}:{options.port} can't be listened on: {reason.lower()}. "
                "Choose another --host or --port."
            ) from error
        yield listener


def _address(options: Options, port: int) -> Address:
    if options.behind_proxy:
        parts = urlsplit(options.behind_proxy)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise InputError("--behind-proxy is the address people open, such as https://mail.example.com.")
        return Address(
            f"{parts.scheme}://{parts.netloc}", frozenset({parts.netloc.lower()}), is_behind_proxy=True
        )
    names = {options.host, *(_names(options.tls_cert) if options.tls_cert else ())}
    if is_loopback(options.host):
        names |= {"localhost", "127.0.0.1", "::1"}
    scheme, default = ("https", 443) if options.tls_cert else ("http", 80)
    spelled = {f"[{name}]" if ":" in name else name.lower() for name in names}
    hosts = {f"{name}:{port}" for name in spelled} | (spelled if port == default else set())
    shown = f"[{options.host}]" if ":" in options.host else options.host
    return Address(f"{scheme}://{shown}" + ("" if port == default else f":{port}"), frozenset(hosts))


def _openid(options: Options) -> OpenIdSettings | None:
    """Where people sign in. Raises `InputError`."""
    if not options.oidc_issuer and not options.oidc_client_id and not options.oidc_secret:
        return None
    secret = ""
    if options.oidc_secret:
        try:
            secret = Path(options.oidc_secret).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else "it is not text in UTF-8"
            # What was given is not told: it may be the secret itself.
            raise InputError(
                f"--oidc-secret names the file that holds the secret, and it can't be read: {why}."
            ) from error
    return checked(options.oidc_issuer, options.oidc_client_id, secret)


def _names(path: str) -> set[str]:
    """The names that a certificate is for. Raises `InputError`."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(Path(path).read_bytes())
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    except (OSError, ValueError) as error:
        raise InputError(f"--tls-cert {path!r:.200} can't be used: {error}.") from error
    return {
        *alternatives.get_values_for_type(x509.DNSName),
        *map(str, alternatives.get_values_for_type(x509.IPAddress)),
    }


def _check_reach(options: Options, console: Console) -> None:
    """An address that others reach takes somebody who can sign in, and nothing in clear. Raises `InputError`."""
    if options.tls_cert:
        try:
            # Without a password OpenSSL would ask at the terminal for that of a locked key.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.tls_cert, options.tls_key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise InputError(
                "--tls-cert and --tls-key can't be used: they are not PEM, don't fit together, or the key is locked."
            ) from error
        except OSError as error:
            raise InputError(f"--tls-cert and --tls-key can't be used: {reason(error)}.") from error
    if is_loopback(options.host) and not options.behind_proxy:
        return
    if not console.users.list():
        raise InputError(
            "Others could reach the console there, and nobody could sign in: make a user first, with "
            "serve --make-user NAME."
        )
    if not options.tls_cert and not options.behind_proxy:
        raise InputError(
            "Passwords would cross the network in clear there: give --tls-cert and --tls-key, or --behind-proxy URL."
        )


def _make_sample(console: Console, catcher: Catcher) -> None:
    """An asset that leads to the catcher, and a file to attach. An asset of that name that leads elsewhere stays."""
    import tempfile

    assets = console.home.assets
    try:
        stored = assets.get(CATCHER) if any(one.name == CATCHER for one in assets.list()) else None
        if stored is None:
            assets.add(CATCHER, catcher.asset)
        elif stored.config.get("server") == catcher.asset["server"]:
            assets.change(stored.id, CATCHER, {**stored.config, "port": catcher.port})
        else:
            say(f"The stored asset {CATCHER} leads elsewhere and was left as it is.")
        if not any(record.name == SAMPLE_FILE for record in console.home.vault.list()):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / SAMPLE_FILE
                path.write_text(_SAMPLE_TEXT, encoding="utf-8")
                console.home.vault.add(path)
    except (StoreError, OSError) as error:
        raise InputError(f"The sample asset can't be made. {error}") from error


def _announce(options: Options, console: Console) -> None:
    if console.openid is not None:
        back = f"{console.address.url}{OPENID_CALLBACK}"
        say(f"People sign in at {console.openid.name}, which has to know this redirect URI: {back}")
    if is_loopback(options.host) and not options.behind_proxy:
        say(f"The console is at {console.address.url}. This link signs you in, once:")
        sys.stdout.write(f"{console.address.url}/sign-in/link/{console.link.code}\n")
        sys.stdout.flush()
    else:
        say(f"The console is at {console.address.url}.")
