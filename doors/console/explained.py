"""The pages that hints name, as pages of the console, and the links to them."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from host.local.pages import pages

ADDRESS = "/explained/"
_NAMED = re.compile(r"docs/(?:errors/)?([a-z0-9.-]+)\.md \(smtp-connector explain \1\)")
_LINK = re.compile(r"\[([^\[\]]++)\]\((?:\.\./|errors/)*([a-zA-Z0-9.-]+)\.md(#[a-z0-9-]*)?\)")
_OVERVIEW = re.compile(r"^All pages: .*$", re.MULTILINE)


def linked(text: str) -> Markup:
    """`text` with a link wherever it names a page."""
    return Markup(_NAMED.sub(rf'<a href="{ADDRESS}\1">\1</a>', str(escape(text))))  # noqa: S704 - escaped just here


def shown(text: str) -> Markup:
    """A page of the program's own documents, as HTML. A link to a document that is no page stays as its text."""
    known = {page.name for page in pages()}

    def link(found: re.Match[str]) -> str:
        return f"[{found[1]}]({ADDRESS}{found[2]})" if found[2] in known else found[1]

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return Markup(reader.render(_LINK.sub(link, _OVERVIEW.sub("", text))))  # noqa: S704 - nobody else wrote it
