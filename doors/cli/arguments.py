"""What the command line takes, and its help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from doors.cli import kept_arguments, service_arguments, usage
from doors.cli.options import mail_options, output_options, subcommand
from doors.cli.terminal import PROGRAM, Terminal
from host.local.inputs import InputError
from host.manifest.model import Manifest


def action_asked_about(argv: Sequence[str]) -> str:
    """The action in `run ACTION --help`; "" if that is not what the command line says."""
    asked = (
        len(argv) > 2
        and argv[0] == "run"
        and not argv[1].startswith("-")
        and {"-h", "--help"} & set(argv[2:])
    )
    return argv[1] if asked else ""


def parser(manifest: Manifest, argv: Sequence[str]) -> argparse.ArgumentParser:
    """Gives `command`, `subcommand` and their arguments; raises `InputError` for anything else.

    Where `argv` begins with a command it knows that one alone: to make them all takes as long as to send a mail.
    """
    if argv and argv[0].startswith("-") and argv[0] not in ("-h", "--help", "--version"):
        raise InputError(f"{argv[0]!r:.80} is where a command has to be ({PROGRAM} --help explains)")
    root = _Parser(prog=PROGRAM, description=f"{manifest.description}.", epilog=usage.EXAMPLES)
    root.add_argument("--version", action="version", version=f"{PROGRAM} {manifest.version}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, prog=PROGRAM)
    wanted = {argv[0]} if argv and argv[0] in _COMMANDS else _COMMANDS
    for name, add in _COMMANDS.items():
        if name in wanted:
            add(commands, manifest)
    return root


def _completion(commands: Any, _manifest: Manifest) -> None:
    completion = subcommand(commands, "completion", "print what makes a shell complete commands")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _explain(commands: Any, _manifest: Manifest) -> None:
    explain = subcommand(
        commands,
        "explain",
        "say what a server's reply means, and what to change",
        "Print the page about a reply, such as `explain 535 5.7.139`; without a code, the list of pages.",
    )
    explain.add_argument("code", metavar="CODE", nargs="*", help="a code, or what a hint names")


def _demo(commands: Any, _manifest: Manifest) -> None:
    subcommand(commands, "demo", "send mails to a server of its own, and check what arrives")


def _run(commands: Any, manifest: Manifest) -> None:
    run = commands.add_parser(
        "run",
        help="run an action of the connector",
        description="Run an action, and show what became of each of its parameter sets.",
        told_last=lambda: usage.all_actions(manifest),
    )
    run.add_argument("action", metavar="ACTION", help='name or identifier, such as "send email"')
    run.add_argument(
        "--asset", metavar="ASSET", required=True, help="a JSON file of asset fields, or a stored name"
    )
    run.add_argument(
        "--params", metavar="PARAMS", help="a JSON file, - or JSON: a parameter set, or a list of them"
    )
    run.add_argument("--container", metavar="ID", default="", help="where attachments are looked for first")
    output_options(run)


def _send(commands: Any, manifest: Manifest) -> None:
    send = subcommand(commands, "send", "send one mail", "Send one mail, without writing any JSON.")
    mail_options(send, manifest)
    send.add_argument("--dry-run", action="store_true", help="check and compose it, and send nothing")
    output_options(send)


def _preview(commands: Any, manifest: Manifest) -> None:
    preview = subcommand(
        commands,
        "preview",
        "show the mail that send would send",
        "Show the mail that send would send with the same options. Nothing is connected.",
    )
    mail_options(preview, manifest)
    preview.add_argument(
        "--show",
        choices=("text", "html", "eml", "json"),
        default="text",
        help="what a reader sees, its HTML, the message itself, or all that is known of it; text by default",
    )
    output_options(preview)


_COMMANDS: Mapping[str, Callable[[Any, Manifest], None]] = MappingProxyType(
    {
        "run": _run,
        "send": _send,
        "preview": _preview,
        "submit": kept_arguments.submit,
        "worker": service_arguments.worker,
        "asset": kept_arguments.asset,
        "vault": kept_arguments.vault,
        "runs": kept_arguments.runs,
        "relay": service_arguments.relay,
        "dapr": service_arguments.dapr,
        "backup": kept_arguments.backup,
        "restore": kept_arguments.restore,
        "completion": _completion,
        "explain": _explain,
        "demo": _demo,
        "serve": service_arguments.serve,
        "token": service_arguments.token,
        "mcp": service_arguments.mcp,
    }
)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, which makes one for each argument that is added: to ask for the terminal's width loads archives."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


def _width() -> int:
    """Columns for help, as argparse has them."""
    try:
        columns = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 80
        except (OSError, ValueError):
            columns = 80
    return (columns or 80) - 2


class _Parser(argparse.ArgumentParser):
    """argparse's, with help as it was written, and one line for an error.

    `told_last` gives what is told below everything else: it is made where help is asked for.
    """

    def __init__(self, told_last: Callable[[], str] | None = None, **settings: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, "allow_abbrev": False, **settings})
        self._told_last = told_last

    def format_help(self) -> str:
        if self._told_last is not None:
            self.epilog = self._told_last()
        return super().format_help()

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        Terminal().print_text(self.format_help().rstrip())

    def parse_known_args(  # type: ignore[override]  # the base class has overloads for other namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """What a command doesn't know is its own mistake: it names the help that explains it."""
        given, unknown = super().parse_known_args(args, namespace)
        if unknown:
            # The first of them, without what stands behind a =: it may be a password that lacks its --set.
            self.error(f"unrecognized arguments: {unknown[0].partition('=')[0]}")
        return given, unknown

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} ({self.prog} --help explains)")
