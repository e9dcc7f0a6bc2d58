"""What the command line takes for the console."""

from __future__ import annotations

import argparse
from typing import Any

from host.manifest.model import Manifest


def serve(commands: Any, _manifest: Manifest) -> None:
    """`serve`"""
    command = commands.add_parser(
        "serve",
        help="open the console: assets, runs and an inbox in a browser, and the HTTP API",
        description="Open the console for a browser, and the HTTP API for programs, until somebody stops it.",
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
    command = commands.add_parser(
        "token",
        help="print a new token for the HTTP API",
        description="Print a new token for the HTTP API. It is shown this one time.",
    )
    command.add_argument(
        "--name", metavar="NAME", default="command line", help="what the console's list calls it"
    )
    command.add_argument(
        "--days", metavar="DAYS", type=int, default=90, help="how long it lives; 90 by default"
    )


def mcp(commands: Any, _manifest: Manifest) -> None:
    """`mcp`"""
    command = commands.add_parser(
        "mcp",
        help="offer tools to an agent, on standard input and output",
        description="Offer tools to an agent (Model Context Protocol), on standard input and output.",
    )
    command.add_argument(
        "--asset",
        metavar="NAME",
        action="append",
        default=[],
        help="a stored asset that may be used, as often as needed; without it all of them",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a port from 0 to 65535")
    return int(text)
