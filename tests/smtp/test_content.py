"""The way into DATA, cut at every place there is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.content import DotStuffer, EncodedLines, LineGuard, Octets, canonical
from smtp.errors import LocalProtocolError

LINES = st.lists(st.sampled_from([b".", b"..", b"a", b".a", b"", b"a."]), min_size=1).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)


def stuffed(message: bytes) -> bytes:
    """RFC 5321 section 4.5.2, line by line."""
    lines = message.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


@given(LINES, st.data())
def test_dots_are_doubled_wherever_the_message_is_cut(message: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=8)))
    borders = [0, *cuts, len(message)]
    stuffer = DotStuffer()
    pieces = [stuffer.stuff(message[a:b]) for a, b in pairwise(borders)]
    assert b"".join(pieces) == stuffed(message)


@pytest.mark.parametrize("message", [b".\r\n.\r\n", b"a\r\n.\r\n", b"\r\n..\r\n.\r\n", b"..\r\n"])
def test_dots_are_doubled_at_every_single_border(message: bytes) -> None:
    stuffer = DotStuffer()
    assert b"".join(stuffer.stuff(message[i : i + 1]) for i in range(len(message))) == stuffed(message)


def test_encoded_lines_pass_as_they_are() -> None:
    stuffer = DotStuffer()
    assert stuffer.stuff(b"a\r\n") + stuffer.stuff(EncodedLines(b"QUJD\r\n")) == b"a\r\nQUJD\r\n"
    assert stuffer.stuff(b".b\r\n") == b"..b\r\n"


def pass_through_guard(message: bytes, size: int) -> LineGuard:
    guard = LineGuard()
    for start in range(0, len(message), size):
        guard.check(message[start : start + size])
    guard.finish()
    return guard


def test_only_crlf_begins_a_line() -> None:
    stuffer = DotStuffer()
    assert stuffer.stuff(b"a") + stuffer.stuff(b"\n.b\r") + stuffer.stuff(b".c\r\n") == b"a\n.b\r.c\r\n"


SMUGGLING = [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r.\r\n", b"\n\r\n", b"\r\r\n"]


@pytest.mark.parametrize("trick", SMUGGLING)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_line_end_that_is_not_crlf_does_not_pass_the_guard(trick: bytes, size: int) -> None:
    message = b"a" + trick + b"MAIL FROM:<evil@example.com>\r\n"
    with pytest.raises(LocalProtocolError):
        pass_through_guard(message, size)


@pytest.mark.parametrize("trick", SMUGGLING)
def test_canonical_content_has_only_crlf(trick: bytes) -> None:
    content = canonical(b"a" + trick + b"b")
    rest = content.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest
    assert content.endswith(b"\r\n")
    guard = LineGuard()
    for chunk in Octets(b"a" + trick + b"b").chunks():
        guard.check(chunk)
    guard.finish()


@given(LINES, st.integers(1, 5))
def test_good_lines_pass_the_guard_however_they_are_cut(message: bytes, size: int) -> None:
    assert pass_through_guard(message, size).at_line_start


@pytest.mark.parametrize("message", [b"no end", b"a\r\nb", b"a\r", b"a\r\n\r"])
def test_a_message_has_to_end_in_crlf(message: bytes) -> None:
    guard = LineGuard()
    for octet in message:
        guard.check(bytes((octet,)))
    with pytest.raises(LocalProtocolError, match=r"^a message that does not end in CRLF$"):
        guard.finish()


def test_no_message_at_all_has_no_line_to_end() -> None:
    LineGuard().finish()


def test_what_is_wrong_with_a_line_end_is_said() -> None:
    guard = LineGuard()
    guard.check(b"a\r")
    with pytest.raises(LocalProtocolError, match=r"^a message with a CR that no LF follows$"):
        guard.check(b"b\r\n")
    with pytest.raises(LocalProtocolError, match=r"^a message with a CR or LF that stands alone$"):
        LineGuard().check(b"a\nb\r\n")


def test_encoded_lines_in_the_middle_of_a_line_are_looked_at() -> None:
    guard = LineGuard()
    guard.check(b"a line without its end")
    with pytest.raises(LocalProtocolError):
        guard.check(EncodedLines(b"QUJD\n"))
