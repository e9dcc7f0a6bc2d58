"""What people see: results on standard output as JSON, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TextIO

from doors.cli import results
from host.local.files import timestamp
from host.local.run import Watcher
from host.local.streams import forget, say, say_as_it_is
from smtp.text import printable
from smtp.transcript import Transcript

PROGRAM = "smtp-connector" if __name__.startswith("smtp_connector.") else "smtp_connector.py"
"""What people type: a command once it is installed, and this module in a package; in a checkout the script."""


class OutputError(Exception):
    """Standard output can't be written. The message says why."""


class Terminal:
    """The process's standard streams. Only a terminal gets colours and a progress bar; `NO_COLOR` is obeyed."""

    log_as_json = False
    """Each line on standard error as a JSON object, for services."""

    @property
    def is_interactive(self) -> bool:
        """Whether somebody sits before standard error, at a terminal that can move its cursor."""
        return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def prints_to_a_person(self) -> bool:
        """Whether somebody reads standard output as it comes."""
        return _is_terminal(sys.stdout)

    def print_json(self, value: object) -> None:
        """One JSON document, in ASCII: it survives every locale, and no terminal acts upon what is in it."""
        self.print_text(json.dumps(value, indent=2))

    def print_text(self, text: str) -> None:
        """What was asked for, on standard output.

        A reader that has gone away (`| head`) has seen enough, and is no error. Raises `OutputError`.
        """
        with _output() as output:
            encoding = output.encoding or "utf-8"  # a text kept in memory has none
            # What an old locale has no letter for is no reason to fail.
            output.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")

    def print_octets(self, octets: bytes) -> None:
        """A file's content, on standard output, as it is. Raises `OutputError`."""
        with _output() as output:
            output.flush()
            output.buffer.write(octets)

    def say(self, text: str, level: str = "info") -> None:
        """A line on standard error. Nobody reading it is no reason to fail."""
        if self.log_as_json:
            text = json.dumps({"time": timestamp(), "level": level, "message": text})
        say(text)

    def say_lines(self, text: str) -> None:
        for line in text.splitlines():
            self.say(line)

    def warn(self, text: str) -> None:
        self.say(text if self.log_as_json else f"warning: {text}", "warning")

    def fail(self, text: str) -> None:
        """What is wrong with the call, or what was not sent, in one line."""
        self.say(text if self.log_as_json else f"{PROGRAM}: {text}", "error")

    def show(self, document: Mapping[str, Any], *, as_json: bool) -> None:
        """The result of a run: in lines for a person at a terminal, else as JSON. What went wrong is always told."""
        for warning in results.warnings(document):
            self.warn(warning)
        if as_json or not self.prints_to_a_person:
            self._tell_failures(document)
            self.print_json(document)
        else:
            self.print_text("\n".join(_coloured(printable(line)) for line in results.readable(document)))
        if summary := results.summary(document):
            self.say(summary)

    def _tell_failures(self, document: Mapping[str, Any]) -> None:
        """For logs and programs what was not sent; for whoever watches a single mail also that it was."""
        told = document["result_data"]
        if len(told) == 1 and self.is_interactive and not self.log_as_json:
            say_as_it_is(_coloured(printable(results.head(told[0], 1, 1))))
            return
        for failure in results.failures(document):
            self.fail(failure)

    @contextmanager
    def watching(self, total: int, *, quiet: bool = False) -> Iterator[Watcher]:
        """Show a run of `total` parameter sets as it happens; nothing of it if `quiet`."""
        if quiet:
            yield _Silent()
        elif self.log_as_json or not self.is_interactive:
            yield _Lines(self)
        else:
            from doors.cli.progress_bar import progress_bar

            with progress_bar(total) as watcher:
                yield watcher


class Transcripts:
    """A watcher that also keeps what was said on each connection, for whoever asks to see it."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self.texts: list[str] = []
        self.progress = watcher.progress
        self.sent = watcher.sent
        self.finished = watcher.finished

    def session_ended(self, transcript: Transcript) -> None:
        self.texts.append(str(transcript))


class _Silent:
    """Shows nothing before the result."""

    def progress(self, text: str) -> None:
        """Nobody wants to see it."""

    def sent(self, octets: int, size: int) -> None:
        """Nobody wants to see it."""

    def session_ended(self, transcript: Transcript) -> None:
        """Nobody wants to see it."""

    def finished(self, success: bool, message: str) -> None:
        """The result itself is told."""


class _Lines(_Silent):
    """A line for each thing that happens: for logs, and for other programs."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def progress(self, text: str) -> None:
        self._terminal.say(text)


@contextmanager
def _output() -> Iterator[TextIO]:
    """Standard output, which is flushed at the end. A reader that has gone away has seen enough."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed.")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        forget(sys.stdout)
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"Standard output can't be written: {error.strerror}.") from error


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    if colour is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return line
    return f"\x1b[{colour}m{line[:1]}\x1b[0m{line[1:]}"


_COLOURS = MappingProxyType({"✓": "1;32", "!": "1;33", "✗": "1;31"})
