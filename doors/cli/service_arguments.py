"""What the command line takes for what goes on until it is stopped: console, relay, worker and the others."""

from __future__ import annotations

import argparse
from typing import Any

from doors.cli.options import log_format, subcommand
from host.manifest.model import Manifest


def serve(commands: Any, _manifest: Manifest) -> None:
    """`serve`"""
    command = subcommand(
        commands,
        "serve",
        "open the console: assets, runs and an inbox in a browser, and the HTTP API",
        "Open the console for a browser, and the HTTP API for programs, until somebody stops it.",
    )
    add = command.add_argument
    add(
        "--host",
        metavar="HOST",
        default="127.0.0.1",
        help="the address to listen on; this machine's own by default",
    )
    add("--port", metavar="PORT", type=_port, default=8025, help="8025 by default; 0: any that is free")
    add("--catch", action="store_true", help="with a mail catcher, a sample asset for it, and an inbox")
    add("--tls-cert", metavar="FILE", default="", help="certificate (PEM), for an address that others reach")
    add("--tls-key", metavar="FILE", default="", help="its key (PEM)")
    add(
        "--behind-proxy",
        metavar="URL",
        default="",
        help="the address that people open, served by a proxy with TLS",
    )
    add("--oidc-issuer", metavar="URL", default="", help="the OpenID Connect provider that people sign in at")
    add("--oidc-client-id", metavar="ID", default="", help="what this console is called there")
    add(
        "--oidc-secret",
        metavar="FILE",
        default="",
        help="the file with its secret; a public client has none",
    )
    add("--make-user", metavar="NAME", help="add an administrator, whose password is asked for, and end")


def token(commands: Any, _manifest: Manifest) -> None:
    """`token`"""
    command = subcommand(
        commands,
        "token",
        "print a new token for the HTTP API",
        "Print a new token for the HTTP API. It is shown this one time.",
    )
    command.add_argument(
        "--name", metavar="NAME", default="command line", help="what the console's list calls it"
    )
    command.add_argument(
        "--days", metavar="DAYS", type=int, default=90, help="how long it lives; 90 by default"
    )


def mcp(commands: Any, _manifest: Manifest) -> None:
    """`mcp`"""
    command = subcommand(
        commands,
        "mcp",
        "offer tools to an agent, on standard input and output",
        "Offer tools to an agent (Model Context Protocol), on standard input and output.",
    )
    command.add_argument(
        "--asset",
        metavar="NAME",
        action="append",
        default=[],
        help="a stored asset that may be used, as often as needed; without it all of them",
    )


def relay(commands: Any, _manifest: Manifest) -> None:
    """`relay`"""
    command = subcommand(
        commands,
        "relay",
        "take mail in from programs, and hand it on with the login of an asset",
        "Take mail in from programs by SMTP, and hand it on with the login of an asset.",
    )
    add = command.add_argument
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--asset", metavar="ASSET", help="a stored name, or a JSON file of asset fields")
    which.add_argument(
        "--destinations",
        metavar="PATH",
        nargs="+",
        action="extend",
        help="files and folders of MAIL destinations (SAP BTP)",
    )
    which.add_argument("--make-account", metavar="NAME", help="print a line for the file of accounts")
    add("--listen", metavar="HOST:PORT", default="127.0.0.1:2587", help="127.0.0.1:2587 by default")
    add("--accounts", metavar="FILE", help="who may log in: a line NAME:ARGON2-HASH each")
    add(
        "--allow",
        metavar="NETWORK",
        nargs="+",
        action="extend",
        default=[],
        help="who may send without a login",
    )
    add(
        "--connectivity",
        metavar="FILE",
        help="the Connectivity service's binding, for destinations on premise",
    )
    add(
        "--allow-plaintext-auth",
        action="store_true",
        help="log in without TLS where a destination has starttls.enable false (dangerous)",
    )
    add("--tls-cert", metavar="FILE", help="certificate (PEM), to offer STARTTLS with")
    add("--tls-key", metavar="FILE", help="its key, where the certificate's file does not hold it")
    add(
        "--spool",
        action="store_true",
        help="keep each mail on this machine before it is accepted, and send it as the mail server can take it",
    )
    add("--processes", metavar="N", type=int, default=1, help="serve clients with so many; 1 by default")
    add("--transcript", action="store_true", help="log every step of every session, without secrets")
    log_format(command)


def dapr(commands: Any, _manifest: Manifest) -> None:
    """`dapr`"""
    command = subcommand(
        commands,
        "dapr",
        "serve Dapr's output binding bindings.smtp",
        "Serve the output binding bindings.smtp to Dapr, or to Dapr's clients without Dapr.",
    )
    add = command.add_argument
    add("--resources", metavar="DIR", help="the folder with the Component YAML; needed for --http and --grpc")
    add("--secrets", metavar="FILE", help="a JSON file with the secrets that components refer to")
    add("--socket", metavar="PATH", help="a pluggable component's socket, or the folder for smtp.sock")
    add("--http", metavar="HOST:PORT", help="serve the bindings API over HTTP; port 0: any")
    add("--grpc", metavar="HOST:PORT", help="serve it over gRPC; port 0: any")
    add("--max-body-size", metavar="OCTETS", type=int, default=4 << 20, help="of a request (4 MiB)")
    log_format(command)


def worker(commands: Any, _manifest: Manifest) -> None:
    """`worker`"""
    command = subcommand(
        commands,
        "worker",
        "send what was submitted",
        "Send the mails of submitted runs as they are due. SIGTERM lets what is in flight finish.",
    )
    command.add_argument(
        "--concurrency", metavar="N", type=int, default=4, help="mailboxes that are worked on at a time (4)"
    )
    command.add_argument(
        "--health", metavar="HOST:PORT", default="", help="answer /healthz and /metrics (Prometheus) there"
    )
    log_format(command)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a port from 0 to 65535")
    return int(text)
