"""The options that describe a mail: `send` and `preview` take the same ones."""

from __future__ import annotations

import argparse

from host.manifest.model import Manifest


def mail_options(command: argparse.ArgumentParser, manifest: Manifest) -> None:
    """Add them, as far as the manifest's actions have a parameter for each."""
    taken = manifest.action("send email").parameters
    add = command.add_argument
    add("--asset", metavar="ASSET", required=True, help="a stored name, or a JSON file of asset fields")
    for name in ("to", "cc", "bcc"):
        add(f"--{name}", metavar="ADDRESS", action="append", default=[], help="as often as needed")
    add("--from", dest="sender", metavar="ADDRESS", help="the asset's own address by default")
    if "reply_to" in taken:
        add("--reply-to", metavar="ADDRESS", help="where answers go")
    add("--subject", metavar="TEXT", default="")
    body = command.add_mutually_exclusive_group()
    body.add_argument("--body", metavar="TEXT", default="", help="the text")
    body.add_argument("--body-file", metavar="FILE", help="a file that holds the text, - for standard input")
    add("--html", metavar="FILE", help="a file that holds the mail as HTML; the body becomes its text")
    add("--markdown", action="store_true", help="the body is Markdown")
    add("--attach", metavar="PATH", action="append", default=[], help="a file to attach")
    add("--inline", metavar="CID=PATH", action="append", default=[], help="a file that the HTML shows")
    add("--header", metavar="'NAME: VALUE'", action="append", default=[], help="another header")
    if "importance" in taken:
        add("--importance", choices=("high", "normal", "low"))
    if "in_reply_to" in taken:
        add("--in-reply-to", metavar="MESSAGE-ID", help="the mail that this one answers")
    if "idempotency_key" in taken:
        add("--key", metavar="KEY", help="send once for this key, however often it is asked for")
    if "redirect_to" in manifest.configuration:
        add("--redirect-to", metavar="ADDRESS", help="everything goes there instead, to try it out")
