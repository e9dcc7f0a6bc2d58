"""A run as a person at a terminal sees it. Imported for a terminal only: the library behind it is large."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from host.terminal import Watcher, printable


@contextmanager
def progress_bar(total: int) -> Iterator[Watcher]:
    """A bar over many parameter sets; the steps of a single one, line by line."""
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1))
    columns = [SpinnerColumn(), text]
    if total > 1:
        columns += [BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn()]
    progress = Progress(*columns, console=Console(stderr=True), transient=True, expand=True)
    progress.start()
    try:
        yield _Bar(progress, total)
    finally:
        with suppress(OSError):
            progress.stop()


class _Bar:
    """Never raises: a terminal that went away must not come between a mail and its result."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)
        self._is_single = total == 1

    def progress(self, text: str) -> None:
        line = printable(text)
        if self._is_single:
            self._print(Text(line))
        with suppress(OSError):
            self._progress.update(self._task, description=line)

    def finished(self, success: bool, message: str) -> None:
        self._progress.advance(self._task)
        if self._is_single or not success:
            mark, style = ("✓ ", "bold green") if success else ("✗ ", "bold red")
            self._print(Text.assemble((mark, style), printable(message)))

    def _print(self, text: Text) -> None:
        with suppress(OSError):
            self._progress.console.print(text, highlight=False, soft_wrap=True)
