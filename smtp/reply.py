"""Replies: what a server says, and the reader that takes them out of a stream of octets (RFC 5321 section 4.2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from smtp.text import Concealer, showable

# RFC 5321 4.5.3.1.5 gives a reply line 512 octets; RFC 4954 4 lets a challenge have 12,288. One bound for both.
MAX_LINE = 12_288 + len("334 \r\n")
MAX_LINES = 512
MAX_REPLY = 64 * 1024
MAX_SHOWN = 512
CHALLENGE = 334
MAX_HEARD = 32
"""Replies that are kept, to be given again when the same is said."""

_BEGINNING = re.compile(r"[1-5][0-9][0-9](?:[ -]|\Z)")
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?= |\Z)")


class ReplySyntaxError(ValueError):
    """These octets are not an SMTP reply, or exceed a bound. The message is fit to be shown."""


class Reply(NamedTuple):
    """A code and its lines, without code and line ends. The lines are as sent: `text` is fit to be shown."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced_code(self) -> str:
        """`"5.1.1"`, or "" where there is none; one of another class than the code counts for nothing (RFC 3463 2)."""
        match = _ENHANCED.match(self.lines[0])
        return match.group() if match and match.group(1) == str(self.code)[0] else ""

    @property
    def text(self) -> str:
        """All lines in one, without the enhanced code that each repeats."""
        enhanced = self.enhanced_code
        return showable(
            " ".join([line.removeprefix(enhanced).strip() for line in self.lines]), limit=MAX_SHOWN
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced_code, self.text)))


class ReplyReader:
    """Takes whole replies from octets that arrive in any pieces. Every line, reply and count of lines is bounded."""

    def __init__(self) -> None:
        self.is_empty = True
        """Nothing is left over, not even a part of a reply."""
        self._unread = b""
        self._code = 0
        self._lines: list[str] = []
        """Of a reply that has begun: its code and its lines so far."""
        self._octets = 0
        self._secrets = Concealer()
        self._heard: dict[bytes, Reply] = {}
        """Replies of one line, by that line: a server says the same to most commands of most messages."""

    def conceal(self, secret: str) -> None:
        """Hide every part and form of it in all replies from now on: servers repeat what they don't know."""
        self._secrets.add(secret)
        self._heard.clear()

    def feed(self, data: bytes) -> None:
        self._unread += data
        self.is_empty = not self._unread and not self._lines

    def next_reply(self) -> Reply | None:
        """The next whole reply, or None until more is fed. Raises `ReplySyntaxError`; nothing is to be read then."""
        while True:
            line, end, rest = self._unread.partition(b"\n")
            if len(line) > MAX_LINE:
                raise ReplySyntaxError(f"a reply line of more than {MAX_LINE} octets")
            if not end:
                return None
            self._unread = rest
            if (heard := self._heard.get(line)) and not self._lines:
                self.is_empty = not rest
                return heard
            whole = line.removesuffix(b"\r").decode("utf-8", "replace")
            if not _BEGINNING.match(whole):
                said = showable(self._secrets.hide(whole)[:80])
                raise ReplySyntaxError(f"something that is no SMTP reply: {said!r}")
            code, mark, text = int(whole[:3]), whole[3:4], whole[4:]
            if code != CHALLENGE:
                text = self._secrets.hide(text)
            if self._lines and code != self._code:
                raise ReplySyntaxError(f"one reply with two codes, {self._code} and {code}")
            self._code = code
            self._lines.append(text)
            self._octets += len(line)
            if len(self._lines) > MAX_LINES or self._octets > MAX_REPLY:
                raise ReplySyntaxError(f"a reply of more than {MAX_LINES} lines or {MAX_REPLY} octets")
            if mark != "-":
                reply = Reply(code, tuple(self._lines))
                if len(self._lines) == 1 and len(self._heard) < MAX_HEARD:
                    self._heard[line] = reply
                self._lines, self._octets = [], 0
                self.is_empty = not rest
                return reply
