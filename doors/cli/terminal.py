"""What people see: results on standard output as JSON, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from host.local.context import Watcher
from host.local.streams import forget, say

PROGRAM = "smtp-connector" if __name__.startswith("smtp_connector.") else "smtp_connector.py"
"""What people type: a command once it is installed, and this module in a package; in a checkout the script."""


class OutputError(Exception):
    """Standard output can't be written. The message says why."""


class Terminal:
    """The process's standard streams. Only a terminal gets colours and a progress bar; `NO_COLOR` is obeyed."""

    @property
    def is_interactive(self) -> bool:
        """Whether somebody sits before standard error, at a terminal that can move its cursor."""
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def print_json(self, value: object) -> None:
        """One JSON document, in ASCII: it survives every locale, and no terminal acts upon what is in it."""
        self.print_text(json.dumps(value, indent=2))

    def print_text(self, text: str) -> None:
        """What was asked for, on standard output.

        A reader that has gone away (`| head`) has seen enough, and is no error. Raises `OutputError`.
        """
        if sys.stdout is None:
            raise OutputError("Standard output is closed.")
        encoding = sys.stdout.encoding or "utf-8"  # a text kept in memory has none
        try:
            # What an old locale has no letter for is no reason to fail.
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            sys.stdout.flush()
        except OSError as error:
            forget(sys.stdout)
            if not isinstance(error, BrokenPipeError):
                raise OutputError(f"Standard output can't be written: {error.strerror}.") from error

    def say(self, text: str) -> None:
        """A line on standard error. Nobody reading it is no reason to fail."""
        say(text)

    def warn(self, text: str) -> None:
        self.say(f"warning: {text}")

    def fail(self, text: str) -> None:
        """What is wrong with the call, in one line."""
        self.say(f"{PROGRAM}: {text}")

    @contextmanager
    def watching(self, total: int) -> Iterator[Watcher]:
        """Show a run of `total` parameter sets as it happens."""
        if not self.is_interactive:
            yield _Lines(self)
            return
        from doors.cli.progress_bar import progress_bar

        with progress_bar(total) as watcher:
            yield watcher


class _Lines:
    """A line for each thing that happens: for logs, and for other programs."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def progress(self, text: str) -> None:
        self._terminal.say(text)

    def sent(self, octets: int, size: int) -> None:
        """Nothing: a log has no use for it."""

    def finished(self, success: bool, message: str) -> None:
        """Nothing: the result itself comes on standard output."""
