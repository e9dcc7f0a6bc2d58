"""What the command line takes, and its help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from doors.cli import console_arguments, usage
from doors.cli.mail_options import mail_options, word
from doors.cli.terminal import PROGRAM, Terminal
from host.local.inputs import InputError
from host.manifest.model import Manifest

_MOST = 2**31 - 1
"""What a database has for a number."""


def _number(text: str) -> int:
    """A whole number that a database can be asked for. Raises `ArgumentTypeError`."""
    try:
        number = int(text)
    except ValueError:
        number = _MOST + 1
    if abs(number) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number of at most {_MOST}")
    return number


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


def _asset(commands: Any, _manifest: Manifest) -> None:
    asset = _group(commands, "asset", "Keep assets, encrypted, under a name, and test them.")
    add = _subcommand(asset, "add", "keep an asset under a name", epilog=usage.ASSIGNMENTS)
    add.add_argument("name", metavar="NAME", type=word)
    add.add_argument("--config", metavar="FILE", help="a JSON object of asset fields, - for standard input")
    add.add_argument(
        "--email",
        metavar="ADDRESS",
        help="fill in what is known of this mailbox's provider: server, port, limits",
    )
    add.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        type=word,
        action="append",
        default=[],
        help="a field, as often as needed",
    )
    change = _subcommand(asset, "set", "change fields of an asset", epilog=usage.ASSIGNMENTS)
    change.add_argument("name", metavar="NAME", type=word)
    change.add_argument("fields", metavar="FIELD=VALUE", type=word, nargs="+")
    _subcommand(asset, "list", "show the names")
    for name, text in (
        ("show", "show an asset's fields, secrets hidden"),
        ("remove", "forget an asset and its tokens"),
        ("test", "run test connectivity"),
    ):
        command = _subcommand(asset, name, text)
        command.add_argument("name", metavar="NAME", type=word)
        if name == "test":
            _output(command)


def _vault(commands: Any, _manifest: Manifest) -> None:
    vault = _group(commands, "vault", "Keep files that mails can attach by their vault id.")
    add = _subcommand(vault, "add", "copy a file in, and show its vault id")
    add.add_argument("file", metavar="FILE")
    add.add_argument("--container", metavar="ID", default="", help="the container that it belongs to")
    _subcommand(vault, "list", "show all files")
    for name, text in (("show", "show a file's records and its place"), ("remove", "forget a file")):
        _subcommand(vault, name, text).add_argument("vault_id", metavar="VAULT_ID")


def _runs(commands: Any, _manifest: Manifest) -> None:
    runs = _group(commands, "runs", "Look at the action runs of the past.")
    _subcommand(runs, "list", "show the latest runs")
    show = _subcommand(runs, "show", "show a run with its result")
    resolve = _subcommand(runs, "resolve", "decide about a mail of which nobody knows what became of it")
    export = _subcommand(runs, "export", "print what became of each mail of a run")
    changes = [
        _subcommand(runs, name, text)
        for name, text in (
            ("cancel", "send no more of a submitted run"),
            ("pause", "send no more of a submitted run until it is resumed"),
            ("resume", "go on with a submitted run that was paused or cancelled"),
        )
    ]
    for command in (show, resolve, export, *changes):
        command.add_argument("id", metavar="RUN", type=_number)
    resolve.add_argument("position", metavar="POSITION", type=_number, help="its place in the run, from 1")
    resolve.add_argument(
        "--as",
        dest="resolution",
        choices=("sent", "send-again"),
        required=True,
        help="it was sent; or it was not, and may be sent again, with the same key too",
    )
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="JSON Lines by default")
    _subcommand(runs, "prune", "let go what has been kept for long enough")


def _submit(commands: Any, _manifest: Manifest) -> None:
    submit = commands.add_parser(
        "submit",
        help="hand over many mails, which a worker sends",
        description="Take down a run of many mails, whole and on the disk. A worker sends them: see `worker`.",
    )
    add = submit.add_argument
    add("action", metavar="ACTION", help='name or identifier, such as "send email"')
    add("--asset", metavar="NAME", required=True, help="the name of a stored asset")
    add(
        "--params",
        metavar="FILE",
        required=True,
        help="a JSON object, a JSON list, JSON Lines or CSV with a parameter set in each row; - for standard input",
    )
    add("--container", metavar="ID", default="", help="where attachments are looked for first")
    add("--key-field", metavar="FIELD", default="", help="where each row has its idempotency key")
    add("--not-before", metavar="TIME", default="", help="when to begin, such as 2026-01-31T08:00:00Z")
    add("--priority", metavar="N", type=_number, default=0, help="runs of a higher one go first (0)")
    add("--give-up-after", metavar="TIME", default="", help="such as 12h; five tries by default")
    add("--all-or-nothing", action="store_true", help="keep nothing if a row is refused")
    add(
        "--wait",
        action="store_true",
        help="send it in this process, unless a worker does, and wait for its end",
    )
    add("--json", action="store_true", help="print the result as JSON at a terminal too")


def _worker(commands: Any, _manifest: Manifest) -> None:
    worker = commands.add_parser(
        "worker",
        help="send what was submitted",
        description="Send the mails of submitted runs as they are due. SIGTERM lets what is in flight finish.",
    )
    worker.add_argument(
        "--concurrency", metavar="N", type=int, default=4, help="mailboxes that are worked on at a time (4)"
    )
    worker.add_argument(
        "--health", metavar="HOST:PORT", default="", help="answer /healthz and /metrics (Prometheus) there"
    )
    worker.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="how lines are written"
    )


def _backup(commands: Any, _manifest: Manifest) -> None:
    backup = _subcommand(commands, "backup", "write the data folder into a file, also while it is in use")
    backup.add_argument("file", metavar="FILE", help="a new .tar.gz; whoever has it can read the secrets")


def _restore(commands: Any, _manifest: Manifest) -> None:
    restore = _subcommand(commands, "restore", "put a backup back into an empty data folder")
    restore.add_argument("file", metavar="FILE", help="what backup wrote")


def _completion(commands: Any, _manifest: Manifest) -> None:
    completion = _subcommand(commands, "completion", "print what makes a shell complete commands")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _explain(commands: Any, _manifest: Manifest) -> None:
    explain = commands.add_parser(
        "explain",
        help="say what a server's reply means, and what to change",
        description="Print the page about a reply, such as `explain 535 5.7.139`; without a code, the list of pages.",
    )
    explain.add_argument("code", metavar="CODE", nargs="*", help="a code, or what a hint names")


def _demo(commands: Any, _manifest: Manifest) -> None:
    _subcommand(commands, "demo", "send mails to a server of its own, and check what arrives")


def _relay(commands: Any, _manifest: Manifest) -> None:
    relay = commands.add_parser(
        "relay",
        help="take mail in from programs, and hand it on with the login of an asset",
        description="Take mail in from programs by SMTP, and hand it on with the login of an asset.",
    )
    add = relay.add_argument
    which = relay.add_mutually_exclusive_group(required=True)
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
    add("--transcript", action="store_true", help="log every step of every session, without secrets")
    add(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how lines on standard error are written",
    )


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
    _output(run)


def _send(commands: Any, manifest: Manifest) -> None:
    send = commands.add_parser(
        "send", help="send one mail", description="Send one mail, without writing any JSON."
    )
    mail_options(send, manifest)
    send.add_argument("--dry-run", action="store_true", help="check and compose it, and send nothing")
    _output(send)


def _dapr(commands: Any, _manifest: Manifest) -> None:
    dapr = commands.add_parser(
        "dapr",
        help="serve Dapr's output binding bindings.smtp",
        description="Serve the output binding bindings.smtp to Dapr, or to Dapr's clients without Dapr.",
    )
    add = dapr.add_argument
    add("--resources", metavar="DIR", help="the folder with the Component YAML; needed for --http and --grpc")
    add("--secrets", metavar="FILE", help="a JSON file with the secrets that components refer to")
    add("--socket", metavar="PATH", help="a pluggable component's socket, or the folder for smtp.sock")
    add("--http", metavar="HOST:PORT", help="serve the bindings API over HTTP; port 0: any")
    add("--grpc", metavar="HOST:PORT", help="serve it over gRPC; port 0: any")
    add("--max-body-size", metavar="OCTETS", type=int, default=4 << 20, help="of a request (4 MiB)")
    add(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how lines on standard error are written",
    )


def _preview(commands: Any, manifest: Manifest) -> None:
    preview = commands.add_parser(
        "preview",
        help="show the mail that send would send",
        description="Show the mail that send would send with the same options. Nothing is connected.",
    )
    mail_options(preview, manifest)
    preview.add_argument(
        "--show",
        choices=("text", "html", "eml", "json"),
        default="text",
        help="what a reader sees, its HTML, the message itself, or all that is known of it; text by default",
    )
    _output(preview)


def _output(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print the result as JSON at a terminal too")
    command.add_argument("--quiet", action="store_true", help="leave out progress, not failures")
    command.add_argument("--transcript", action="store_true", help="show the dialogue, without secrets")
    command.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how lines on standard error are written",
    )


def _subcommand(group: Any, name: str, text: str, epilog: str | None = None) -> Any:
    """A command whose own help begins with what its group's help says of it."""
    return group.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)


def _group(commands: Any, name: str, description: str) -> Any:
    group = commands.add_parser(
        name, help=description[0].lower() + description[1:-1], description=description
    )
    return group.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)


_COMMANDS: Mapping[str, Callable[[Any, Manifest], None]] = MappingProxyType(
    {
        "run": _run,
        "send": _send,
        "preview": _preview,
        "submit": _submit,
        "worker": _worker,
        "asset": _asset,
        "vault": _vault,
        "runs": _runs,
        "relay": _relay,
        "dapr": _dapr,
        "backup": _backup,
        "restore": _restore,
        "completion": _completion,
        "explain": _explain,
        "demo": _demo,
        "serve": console_arguments.serve,
        "token": console_arguments.token,
        "mcp": console_arguments.mcp,
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

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} ({self.prog} --help explains)")
