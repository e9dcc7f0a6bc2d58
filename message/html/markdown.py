"""Markdown as HTML that mail readers show as it was meant: CommonMark with tables, every style inline."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

LARGEST = 1024 * 1024
"""Characters."""
DEEPEST = 100
"""Elements inside elements; a list is two for each of its levels, a quote is one."""
_DEEPEST_IN_A_LINE = 20
"""Links, images and emphasis inside each other; what is deeper stays as it was written."""
_FONT = "font-family:-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
_CODE = "font-family:Consolas,Menlo,monospace"
_CELL = "padding:6px 12px;border:1px solid #d0d7de"
_STYLES = MappingProxyType(
    {
        "h1": "font-size:26px;line-height:1.25;margin:24px 0 12px",
        "h2": "font-size:21px;line-height:1.25;margin:24px 0 12px",
        "h3": "font-size:17px;line-height:1.25;margin:20px 0 10px",
        "h4": "font-size:15px;line-height:1.25;margin:20px 0 10px",
        "p": "margin:0 0 14px",
        "ul": "margin:0 0 14px;padding-left:28px",
        "ol": "margin:0 0 14px;padding-left:28px",
        "li": "margin:4px 0",
        "blockquote": "margin:0 0 14px;padding:0 14px;border-left:4px solid #d0d7de;color:#57606a",
        "pre": f"margin:0 0 14px;padding:12px;background:#f6f8fa;white-space:pre-wrap;{_CODE};font-size:13px",
        "code": f"padding:1px 4px;background:#f6f8fa;{_CODE};font-size:13px",
        "table": "border-collapse:collapse;margin:0 0 14px",
        "th": f"{_CELL};background:#f6f8fa",
        "td": _CELL,
        "hr": "border:0;border-top:1px solid #d0d7de;margin:20px 0",
        "a": "color:#0969da",
        "img": "max-width:100%",
    }
)


def to_html(markdown: str) -> str:
    """A whole document. HTML inside of `markdown` is text. Raises `ValueError` when it is too large or too deep."""
    if len(markdown) > LARGEST:
        raise ValueError(f"Markdown may have {LARGEST} characters, this has {len(markdown)}")
    options = {"html": False, "maxNesting": DEEPEST}
    reader = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    reader.core.ruler.after("block", "lines", _shallow)
    tokens = reader.parse(markdown)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        # What lies deeper is not read, and would be missing without a word.
        raise ValueError(f"Markdown may have lists and quotes {DEEPEST} deep, a list counting twice")
    _style(tokens)
    content = reader.renderer.render(tokens, reader.options, {})
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>'
        f'<body style="{_FONT};font-size:15px;line-height:1.5;color:#1f2328">\n{content}</body></html>\n'
    )


def _shallow(state: StateCore) -> None:
    """Between blocks and what is inside of lines, where time grows with the depth that is allowed."""
    state.md.options["maxNesting"] = _DEEPEST_IN_A_LINE


def _style(tokens: Iterable[Token]) -> None:
    for token in tokens:
        if token.type == "fence":
            token.type = "code_block"  # whose <pre> gets the style; of a fence it is the <code> inside
        tag = "pre" if token.type == "code_block" else token.tag
        if token.nesting >= 0 and (style := _STYLES.get(tag)):
            aligned = token.attrGet("style")
            token.attrSet("style", f"{style};{aligned}" if aligned else style)
        if token.children:
            _style(token.children)
