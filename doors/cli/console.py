"""`serve`, `token` and `mcp`: the command line's side of the console."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from delivery.pool import Pool
from doors.cli.terminal import Terminal
from host.local.home import Home
from host.local.inputs import InputError
from host.local.prompt import asked
from host.manifest.model import load

if TYPE_CHECKING:
    from doors.console.app import Beside
    from doors.console.console import Console


def console(arguments: Namespace, pool: Pool, terminal: Terminal) -> int:
    """Do what was asked for; returns the exit code. Raises `InputError`, `StoreError`."""
    if arguments.command == "token":
        terminal.print_text(_new_token(arguments))
        return 0
    try:
        from doors.console import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f"The Python module {error.name} is missing: pip install 'smtp-connector[console]' installs it."
        ) from error
    if arguments.make_user is not None:
        password = asked("Password", twice=True)
        serve.make_user(arguments.make_user, password)
        terminal.say(
            f"The user {arguments.make_user} was added, as an administrator"
            + ("." if password else " without a password, who can sign in with OpenID Connect only.")
        )
        return 0
    options = serve.Options(
        arguments.host,
        arguments.port,
        arguments.catch,
        arguments.tls_cert,
        arguments.tls_key,
        arguments.behind_proxy,
        arguments.oidc_issuer,
        arguments.oidc_client_id,
        arguments.oidc_secret,
    )
    return serve.serve(options, pool, _tools_beside if _has_mcp() else None)


def agents(arguments: Namespace, pool: Pool) -> int:
    """`mcp`: tools for agents on standard input and output; returns the exit code. Raises `InputError`."""
    if not _has_mcp():
        raise InputError("The Python module mcp is missing: pip install 'smtp-connector[mcp]' installs it.")
    from doors.mcp.desk import Desk
    from doors.mcp.server import serve_stdio

    home = Home()
    for name in arguments.asset:
        home.assets.get(name)  # one that isn't there is said now
    serve_stdio(Desk(load(), home, pool, arguments.asset))
    return 0


def _tools_beside(console: Console) -> Beside:
    from doors.mcp.desk import Desk
    from doors.mcp.server import OverHttp

    return OverHttp(Desk(console.manifest, console.home, console.pool, ()), console.tokens)


def _has_mcp() -> bool:
    """Whether the library is installed: the console works without it, and then has no tools for agents."""
    from importlib.util import find_spec

    return find_spec("mcp") is not None


def _new_token(arguments: Namespace) -> str:
    from host.local.people.audit import Audit
    from host.local.people.database import PeopleDatabase
    from host.local.people.roles import Role
    from host.local.people.tokens import Tokens

    database = PeopleDatabase(Home().folder)
    text = Tokens(database).make(arguments.name, Role.ADMINISTRATOR, arguments.days)
    Audit(database).write("command line", "token made", arguments.name, role="administrator")
    return text
