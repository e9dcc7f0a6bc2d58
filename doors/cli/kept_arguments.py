"""What the command line takes for what is kept: assets, files, runs, and the data folder itself."""

from __future__ import annotations

from typing import Any

from doors.cli import usage
from doors.cli.options import group, number, output_options, subcommand, word
from host.manifest.model import Manifest


def asset(commands: Any, _manifest: Manifest) -> None:
    """`asset`"""
    its = group(commands, "asset", "Keep assets, encrypted, under a name, and test them.")
    add = subcommand(its, "add", "keep an asset under a name", epilog=usage.ASSIGNMENTS)
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
    change = subcommand(its, "set", "change fields of an asset", epilog=usage.ASSIGNMENTS)
    change.add_argument("name", metavar="NAME", type=word)
    change.add_argument("fields", metavar="FIELD=VALUE", type=word, nargs="+")
    subcommand(its, "list", "show the names")
    for name, text in (
        ("show", "show an asset's fields, secrets hidden"),
        ("remove", "forget an asset and its tokens"),
        ("test", "run test connectivity"),
    ):
        command = subcommand(its, name, text)
        command.add_argument("name", metavar="NAME", type=word)
        if name == "test":
            output_options(command)


def vault(commands: Any, _manifest: Manifest) -> None:
    """`vault`"""
    its = group(commands, "vault", "Keep files that mails can attach by their vault id.")
    add = subcommand(its, "add", "copy a file in, and show its vault id")
    add.add_argument("file", metavar="FILE")
    add.add_argument("--container", metavar="ID", default="", help="the container that it belongs to")
    subcommand(its, "list", "show all files")
    for name, text in (("show", "show a file's records and its place"), ("remove", "forget a file")):
        subcommand(its, name, text).add_argument("vault_id", metavar="VAULT_ID")


def runs(commands: Any, _manifest: Manifest) -> None:
    """`runs`"""
    its = group(commands, "runs", "Look at the action runs of the past.")
    subcommand(its, "list", "show the latest runs")
    show = subcommand(its, "show", "show a run with its result")
    resolve = subcommand(its, "resolve", "decide about a mail of which nobody knows what became of it")
    export = subcommand(its, "export", "print what became of each mail of a run")
    changes = [
        subcommand(its, name, text)
        for name, text in (
            ("cancel", "send no more of a submitted run"),
            ("pause", "send no more of a submitted run until it is resumed"),
            ("resume", "go on with a submitted run that was paused or cancelled"),
        )
    ]
    for command in (show, resolve, export, *changes):
        command.add_argument("id", metavar="RUN", type=number)
    resolve.add_argument("position", metavar="POSITION", type=number, help="its place in the run, from 1")
    resolve.add_argument(
        "--as",
        dest="resolution",
        choices=("sent", "send-again"),
        required=True,
        help="it was sent; or it was not, and may be sent again, with the same key too",
    )
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="JSON Lines by default")
    subcommand(its, "prune", "let go what has been kept for long enough")


def submit(commands: Any, _manifest: Manifest) -> None:
    """`submit`"""
    command = subcommand(
        commands,
        "submit",
        "hand over many mails, which a worker sends",
        "Take down a run of many mails, whole and on the disk. A worker sends them: see `worker`.",
    )
    add = command.add_argument
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
    add("--priority", metavar="N", type=number, default=0, help="runs of a higher one go first (0)")
    add("--give-up-after", metavar="TIME", default="", help="such as 12h; five tries by default")
    add("--all-or-nothing", action="store_true", help="keep nothing if a row is refused")
    add(
        "--wait",
        action="store_true",
        help="send it in this process, unless a worker does, and wait for its end",
    )
    add("--json", action="store_true", help="print the result as JSON at a terminal too")


def backup(commands: Any, _manifest: Manifest) -> None:
    """`backup`"""
    command = subcommand(commands, "backup", "write the data folder into a file, also while it is in use")
    command.add_argument("file", metavar="FILE", help="a new .tar.gz; whoever has it can read the secrets")


def restore(commands: Any, _manifest: Manifest) -> None:
    """`restore`"""
    command = subcommand(commands, "restore", "put a backup back into an empty data folder")
    command.add_argument("file", metavar="FILE", help="what backup wrote")
