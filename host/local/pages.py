"""The pages of the documentation that hints name: they come with the program, in a checkout and installed alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from host.local.inputs import InputError

FOLDER = Path(__file__).resolve().parents[2] / "docs"
_OVERVIEW = "README"
_MORE = ("microsoft-2026", "providers", "configuration", "operation")


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is what it is asked for by, such as 535-5.7.139; `path` the one below the folder of the documents."""

    name: str
    path: Path

    @property
    def text(self) -> str:
        """What it says, as Markdown."""
        return self.path.read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        return self.text.partition("\n")[0].lstrip("# ")


def pages() -> tuple[Page, ...]:
    """Return the pages about codes, and those about an asset and the command line."""
    found = [*sorted((FOLDER / "errors").glob("*.md")), *(FOLDER / f"{name}.md" for name in _MORE)]
    return tuple(Page(path.stem, path) for path in found if path.stem != _OVERVIEW)


def find(words: Iterable[str]) -> tuple[Page, ...]:
    """Return what is meant by a page's name, a code, part of one, or the path in a hint; the best first.

    Raises `InputError`.
    """
    asked = (
        "-".join(words).strip().strip(".").removesuffix(".md").rpartition("/")[2].replace(" ", "-").lower()
    )
    known = pages()
    exact = tuple(page for page in known if page.name.lower() == asked)
    near = tuple(
        page for page in known if asked and asked in f"{page.name} {page.title}".lower().replace(" ", "-")
    )
    if exact or near:
        return exact or near
    raise InputError(f"There is no page about {asked[:80]!r}. `explain` without a code lists all pages.")
