"""Finding the entries of an address list (RFC 5322 section 3.4) in one pass, however the text is made.

The standard library's parser calls itself for each nested comment and copies what is left for each token; a
megabyte of brackets ends it. This one never looks at a character twice: quoted strings, domain literals and
atoms are single matches, comments are counted, and an entry that went wrong is skipped up to the next separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from message.errors import shown

_TOKEN = re.compile(
    r"""
    (?P<atom>[^\s",;:<>()\[\]\\]++)
  | (?P<separator>[,;\r\n][,;\r\n \t]*+)
  | (?P<space>[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]++)
  | (?P<quoted>"[^"\\]*+(?:\\.[^"\\]*+)*+(?P<closed>")?)
  | (?P<literal>\[[^\s,;\[\]\\]*+\]?)
  | (?P<special>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_COMMENT = re.compile(r"[^()\\]*+(?:\\.[^()\\]*+)*+(\(++|\)++)?", re.DOTALL)
# What need not be looked at in an entry that is already known to be bad.
_UNREAD = re.compile(r'[^",;\r\n(]++')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# By what an atom is without (RFC 5322 section 3.2.3, RFC 6532): a class of all Unicode takes long to compile.
_ATOM = r"[^\x00-\x20\"(),.:;<>@\[\\\]\x7f]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")

NO_AT = "it has no @ (a name with a comma in it needs double quotes)"
_GAP = "there is a space or a comment inside it"


class Entry(NamedTuple):
    """One entry of the list; `problem` is "" if it is sound, else what is wrong with `text`.

    `name` and `local_part` are without quoting; encoded words in `name` are as they were written.
    """

    text: str
    name: str = ""
    local_part: str = ""
    domain: str = ""
    problem: str = ""
    separator: str = ""
    """What came behind it, "" at the end."""


class _Pieces:
    """What one entry was made of so far: (kind, text) of each token, a gap being a "space"."""

    __slots__ = ("angle", "in_angle", "is_link", "phrase", "problem", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.phrase: list[tuple[str, str]] = []
        self.angle: list[tuple[str, str]] | None = None
        self.in_angle = False
        self.is_link = False
        self.problem = ""

    def add(self, kind: str, text: str) -> None:
        if self.angle is None:
            self.phrase.append((kind, text))
        elif self.in_angle:
            self.angle.append((kind, text))
        elif kind != "space":
            self.fail("there is text after the >")

    def fail(self, problem: str) -> None:
        """What went wrong first is what the user is told."""
        self.problem = self.problem or problem

    def is_blank(self) -> bool:
        return self.angle is None and not self.problem and all(kind == "space" for kind, _ in self.phrase)


def scan(text: str) -> Iterator[Entry]:
    """The entries of an address list, groups expanded. Takes time in proportion to the length of `text`."""
    return _Scanner(text).entries()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.in_group = False
        self.pieces = _Pieces(0)

    def entries(self) -> Iterator[Entry]:
        end = len(self.text)
        while self.at < end and (token := _TOKEN.match(self.text, self.at)):
            start, self.at = token.span()
            kind = token.lastgroup
            if self.pieces.problem and (unread := _UNREAD.match(self.text, start)):
                self.at = unread.end()
                continue
            if kind == "separator":
                yield from self._finish(start, token[0])
                self.in_group = self.in_group and ";" not in token[0]
            elif kind == "special":
                self._special(token[0])
            else:
                if kind == "quoted" and not token["closed"]:
                    self.pieces.fail("a double quote is not closed")
                elif kind == "literal" and not token[0].endswith("]"):
                    self.pieces.fail("a [ is not closed")
                self.pieces.add(kind or "", token[0])
        if self.in_group:
            self.pieces.fail("the group does not end with a semicolon")
        yield from self._finish(end)

    def _finish(self, end: int, separator: str = "") -> Iterator[Entry]:
        pieces, self.pieces = self.pieces, _Pieces(self.at)
        if not pieces.is_blank():
            if pieces.in_angle:
                pieces.fail("the < is not closed")
            yield _judge(pieces, self.text[pieces.start : end])._replace(separator=separator)

    def _special(self, character: str) -> None:
        pieces = self.pieces
        if character == "(":
            self._skip_comment()
            pieces.add("space", " ")
        elif character == "<" and pieces.angle is None:
            pieces.angle, pieces.in_angle = [], True
        elif character == ">" and pieces.in_angle:
            pieces.in_angle = False
        elif character == ":" and pieces.in_angle:
            pieces.add("colon", character)
        elif character == ":" and pieces.angle is None and not pieces.problem:
            self._start_group()
        else:
            pieces.fail(f"there is a {shown(character)} where none may be")

    def _start_group(self) -> None:
        words = [text.lower() for kind, text in self.pieces.phrase if kind != "space"]
        if not words or (self.in_group and words != ["mailto"]):
            self.pieces.fail("there is a ':' where none may be")
            return
        self.pieces.is_link = words == ["mailto"]
        self.in_group = self.in_group or not self.pieces.is_link
        self.pieces.phrase.clear()

    def _skip_comment(self) -> None:
        depth = 1
        while depth and (match := _IN_COMMENT.match(self.text, self.at)):
            self.at = match.end()
            brackets = match[1]
            if not brackets:
                self.at = len(self.text)
                self.pieces.fail("a comment's ( is not closed")
                return
            if brackets.startswith("("):
                depth += len(brackets)
            else:
                self.at -= max(len(brackets) - depth, 0)
                depth -= min(len(brackets), depth)


def _judge(pieces: _Pieces, text: str) -> Entry:
    text = text.strip()
    if pieces.problem:
        return Entry(text, problem=pieces.problem)
    if pieces.angle is None:
        return _address(_of_link(pieces.phrase) if pieces.is_link else pieces.phrase, "", text)
    name = _phrase(pieces.phrase).strip()
    entry = _address(_without_mailto(pieces.angle), name, text)
    # "a@b <c@d>" may be a forgotten comma: only the address itself, as mail clients paste it, is a name with an @.
    if not entry.problem and any(kind == "atom" and "@" in word for kind, word in pieces.phrase):
        if name.casefold() != f"{entry.local_part}@{entry.domain}".casefold():
            return Entry(text, problem="there are two addresses (is a comma missing?)")
        return entry._replace(name="")
    return entry


def _phrase(pieces: list[tuple[str, str]]) -> str:
    words = [_unquoted(text) if kind == "quoted" else text for kind, text in pieces]
    return "".join(words)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


def _without_mailto(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`<mailto:a@b?subject=x>` as `a@b`: an address that was copied as a link (RFC 6068)."""
    if [text.lower() for _, text in pieces[:2]] != ["mailto", ":"]:
        return pieces
    return _of_link(pieces[2:])


def _of_link(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What stands behind `mailto:`, decoded. Octets that are no UTF-8 become what no address may have."""
    return [
        (kind, _unescaped(text.partition("?")[0].removeprefix("//")) if kind == "atom" else text)
        for kind, text in pieces
    ]


def _unescaped(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _address(pieces: list[tuple[str, str]], name: str, text: str) -> Entry:
    first, last = 0, len(pieces)
    while first < last and pieces[first][0] == "space":
        first += 1
    while last > first and pieces[last - 1][0] == "space":
        last -= 1
    pieces = pieces[first:last]
    if not pieces:
        return Entry(text, problem="there is no address between < and >")
    if any(kind == "space" for kind, _ in pieces):
        joined = "".join(t for _, t in pieces)
        return Entry(text, problem=_GAP if "@" in joined else NO_AT)
    if pieces[0][0] == "quoted":
        local_part, rest = _unquoted(pieces[0][1]), "".join(t for _, t in pieces[1:])
        if not rest.startswith("@"):
            return Entry(text, problem="there is no @ after the quoted part")
        return Entry(text, name, local_part, rest[1:])
    local_part, at, domain = "".join(t for _, t in pieces).rpartition("@")
    if not at:
        return Entry(text, problem=NO_AT)
    if not _DOT_ATOM.fullmatch(local_part):
        return Entry(text, problem="the part before the @ is not well-formed")
    return Entry(text, name, local_part, domain)
