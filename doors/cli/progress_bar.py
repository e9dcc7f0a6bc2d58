"""A run as a person at a terminal sees it. Imported for a terminal only: the library behind it is large."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase
from typing import IO, TextIO, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from host.local.run import Watcher
from host.local.streams import forget
from smtp.text import printable
from smtp.transcript import Transcript


@contextmanager
def progress_bar(total: int) -> Iterator[Watcher]:
    """A bar over many parameter sets, or over one large message; the steps of a single set, line by line."""
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
    bar = (BarColumn(bar_width=24), TaskProgressColumn(), TimeElapsedColumn())
    columns = [SpinnerColumn(), text, *bar, *([MofNCompleteColumn()] if total > 1 else [])]
    console = Console(file=cast(IO[str], _Forgiving(sys.stderr)))
    with Progress(
        *columns, console=console, transient=True, expand=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        yield _Bar(progress, total)


class _Forgiving(TextIOBase):
    """A terminal, except that its going away does not come between a mail and its result."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has a variable there
        return self._terminal.encoding

    def isatty(self) -> bool:
        return self._terminal.isatty()

    def fileno(self) -> int:
        return self._terminal.fileno()

    def write(self, text: str) -> int:
        try:
            self._terminal.write(text)
        except OSError:
            forget(self._terminal)
        return len(text)

    def flush(self) -> None:
        try:
            self._terminal.flush()
        except OSError:
            forget(self._terminal)


class _Bar:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._is_single = total == 1
        self._total = total
        self._finished = 0
        # Without a total the bar only moves: how long a small mail takes is the server's secret.
        self._task = progress.add_task("", total=None if self._is_single else total)

    def progress(self, text: str) -> None:
        line = printable(text)
        if self._is_single:
            self._print(Text(line))
        self._progress.update(self._task, description=line)

    def sent(self, octets: int, size: int) -> None:
        completed = self._finished + octets / size
        text = f"Sending {size:,} octets"
        self._progress.update(self._task, total=self._total, completed=completed, description=text)

    def session_ended(self, transcript: Transcript) -> None:
        """It is told when the run has ended."""

    def finished(self, success: bool, message: str) -> None:  # noqa: ARG002 - the result tells what became of each
        self._finished += 1
        self._progress.update(self._task, completed=self._finished)

    def _print(self, text: Text) -> None:
        self._progress.console.print(text, highlight=False, soft_wrap=True)
