"""Conditional comments, by which mails are laid out for Outlook on Windows: most are the tables that give it a width.

For all other readers they are comments. What is in them is filtered like everything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from message.html.markup import Token, all_tokens, names

_CONDITION = r"<!--\[if (?P<condition>[A-Za-z0-9 .()&|!]{1,60})\]>"
_HIDDEN = re.compile(rf"{_CONDITION}(?P<content>.*)<!\[endif\]-->", re.IGNORECASE | re.DOTALL)
_REVEALED = re.compile(rf"{_CONDITION}(?:<!--(?:\s*--)?>|-->)", re.IGNORECASE)
_REVEALED_END = re.compile(r"<!--\s*<!\[endif\]-->", re.IGNORECASE)
_ENDS_A_COMMENT = re.compile(r"--!?>|<!")
STRUCTURE = names("table tbody thead tfoot tr td th div")
"""What gives a mail its width and nothing else."""


class Conditional(NamedTuple):
    """A conditional comment: `content` is what only Outlook reads, None where the comment only marks what follows."""

    condition: str
    content: str | None


def conditional(comment: str) -> Conditional | None:
    """What a comment says, if it is a conditional one; the end of what was marked has no condition."""
    if found := _HIDDEN.fullmatch(comment):
        return Conditional(" ".join(found["condition"].split()), found["content"])
    if found := _REVEALED.fullmatch(comment):
        return Conditional(" ".join(found["condition"].split()), None)
    return Conditional("", None) if _REVEALED_END.fullmatch(comment) else None


def as_comment(part: Conditional, content: str) -> str:
    """The comment anew, around content that is filtered; "" where there is nothing in it or it could end early."""
    if part.content is None:
        return f"<!--[if {part.condition}]><!-->" if part.condition else "<!--<![endif]-->"
    if not content.strip() or _ENDS_A_COMMENT.search(content):
        return ""
    return f"<!--[if {part.condition}]>{content}<![endif]-->"


def after_head(found: Sequence[Token]) -> Sequence[Token]:
    """The tokens behind the start of the body; all of them where that isn't written."""
    at = next((at for at, token in enumerate(found) if token.tag == "body"), -1)
    return found[at + 1 :]


def are_plain(found: Iterable[Token], tags: frozenset[str]) -> bool:
    """Whether Outlook's parts hold nothing but these tags: then a mail's own choice of who sees what can stay."""
    return all(
        not token.tag or token.tag.lstrip("/") in tags
        for comment in found
        if comment.tag == "!--" and (part := conditional(comment.text)) and part.content
        for token in all_tokens(part.content)
    )
