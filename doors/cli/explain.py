"""`explain`: the pages that hints name, printed."""

from __future__ import annotations

from collections.abc import Sequence

from doors.cli.terminal import Terminal
from host.local.pages import find, pages


def explain(words: Sequence[str], terminal: Terminal) -> None:
    """Print the page that is meant, or the list of those that could be. Raises `InputError`."""
    found = find(words) if words else pages()
    if words and len(found) == 1:
        terminal.print_text(found[0].text.rstrip())
        return
    width = max(len(page.name) for page in found)
    terminal.print_text("\n".join(f"{page.name:{width}}  {page.title}" for page in found))
