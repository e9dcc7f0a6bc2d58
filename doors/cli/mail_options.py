"""The options that describe a mail: `send` and `preview` take the same ones."""

from __future__ import annotations

import argparse
import os

from host.manifest.model import Manifest


def word(text: str) -> str:
    """An argument that is a text: UTF-8, in whatever locale. Raises `ArgumentTypeError`."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is not text in UTF-8") from error


def mail_options(command: argparse.ArgumentParser, manifest: Manifest) -> None:
    """Add them, as far as the manifest's actions have a parameter for each."""
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
