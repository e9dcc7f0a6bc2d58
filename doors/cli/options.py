"""What several commands take: a mail, how results are shown; and how commands are added."""

from __future__ import annotations

import argparse
import os
from typing import Any

from host.manifest.model import Manifest

_MOST = 2**31 - 1
"""What a database has for a number."""


def word(text: str) -> str:
    """An argument that is a text: UTF-8, in whatever locale. Raises `ArgumentTypeError`."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not text in UTF-8") from error


def number(text: str) -> int:
    """A whole number that a database can be asked for. Raises `ArgumentTypeError`."""
    try:
        found = int(text)
    except ValueError:
        found = _MOST + 1
    if abs(found) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a whole number of at most {_MOST}")
    return found


def mail_options(command: argparse.ArgumentParser, manifest: Manifest) -> None:
    """Add the options that describe a mail, as far as the manifest's actions have a parameter for each."""
    taken = manifest.action("send email").parameters
    add = command.add_argument
    add("--asset", metavar="ASSET", required=True, help="a stored name, or a JSON file of asset fields")
    # A mail that goes to nobody but in secret has to say so: --to is required, as the action's parameter is.
    add("--to", metavar="ADDRESS", type=word, action="append", required=True, help="as often as needed")
    for name in ("cc", "bcc"):
        add(f"--{name}", metavar="ADDRESS", type=word, action="append", default=[], help="as often as needed")
    add("--from", dest="sender", metavar="ADDRESS", type=word, help="the asset's own address by default")
    if "reply_to" in taken:
        add("--reply-to", metavar="ADDRESS", type=word, help="where answers go")
    add("--subject", metavar="TEXT", type=word, default="", help="what it is about")
    body = command.add_mutually_exclusive_group()
    body.add_argument("--body", metavar="TEXT", type=word, default="", help="the text")
    body.add_argument("--body-file", metavar="FILE", help="a file that holds the text, - for standard input")
    add("--html", metavar="FILE", help="a file that holds the mail as HTML; the body becomes its text")
    add("--markdown", action="store_true", help="the body is Markdown")
    add("--attach", metavar="PATH", action="append", default=[], help="a file to attach")
    add("--inline", metavar="CID=PATH", action="append", default=[], help="a file that the HTML shows")
    add("--header", metavar="'NAME: VALUE'", type=word, action="append", default=[], help="another header")
    if "importance" in taken:
        add("--importance", choices=("high", "normal", "low"))
    if "in_reply_to" in taken:
        add("--in-reply-to", metavar="MESSAGE-ID", type=word, help="the mail that this one answers")
    if "idempotency_key" in taken:
        add("--key", metavar="KEY", type=word, help="send once for this key, however often it is asked for")
    if "redirect_to" in manifest.configuration:
        add(
            "--redirect-to", metavar="ADDRESS", type=word, help="everything goes there instead, to try it out"
        )


def output_options(command: argparse.ArgumentParser) -> None:
    """Add how the result is shown."""
    command.add_argument("--json", action="store_true", help="print the result as JSON at a terminal too")
    command.add_argument("--quiet", action="store_true", help="leave out progress, not failures")
    command.add_argument("--transcript", action="store_true", help="show the dialogue, without secrets")
    log_format(command)


def log_format(command: argparse.ArgumentParser) -> None:
    """Add how lines are written."""
    command.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how lines on standard error are written",
    )


def subcommand(
    commands: Any, name: str, text: str, description: str | None = None, epilog: str | None = None
) -> Any:
    """A command whose own help begins with `description`, or else with what the list of commands says of it."""
    described = description or f"{text[0].upper()}{text[1:]}."
    return commands.add_parser(name, help=text, description=described, epilog=epilog)


def group(commands: Any, name: str, description: str) -> Any:
    """A command that has commands of its own, which are added to what is returned."""
    command = commands.add_parser(
        name, help=description[0].lower() + description[1:-1], description=description
    )
    return command.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
