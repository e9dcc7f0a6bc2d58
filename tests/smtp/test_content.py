"""A message on its way out: as octets, as a whole, and into DATA, cut at every place there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.content import CHUNK_SIZE, DotStuffer, EncodedLines, LineGuard, Octets, canonical, whole
from smtp.errors import ContentError, LocalProtocolError

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


@pytest.mark.parametrize(
    ("given_octets", "made"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\rc\r\nd", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"a\r\n\n\r", b"a\r\n\r\n\r\n"),
        (b"a\r\nb", b"a\r\nb\r\n"),
        (b"\r", b"\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_every_line_of_octets_ends_in_crlf(given_octets: bytes, made: bytes) -> None:
    content = Octets(given_octets)
    assert b"".join(content.chunks()) == made
    assert content.size == len(made)


def test_octets_are_given_in_chunks_from_the_beginning_each_time() -> None:
    message = b"0123456789abcd\r\n" * (2 * CHUNK_SIZE // 16) + b"the end\r\n"
    content = Octets(message)
    assert CHUNK_SIZE == 131_072
    for _ in range(2):
        chunks = list(content.chunks())
        assert [len(chunk) for chunk in chunks] == [CHUNK_SIZE, CHUNK_SIZE, 9]
        assert b"".join(chunks) == message


class Pieces:
    """Content that says it has `size` octets, gives `pieces`, and raises `error` behind them."""

    def __init__(self, *pieces: bytes, size: int | None = None, error: OSError | None = None) -> None:
        self._pieces, self._error = pieces, error
        self.size = sum(map(len, pieces)) if size is None else size
        self.asked_for = 0

    def chunks(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.asked_for += 1
            yield piece
        if self._error is not None:
            raise self._error


def test_the_last_piece_of_a_message_is_only_given_once_all_of_it_was_read() -> None:
    content = Pieces(b"a\r\n", b"b", b"c\r\n")
    pieces = whole(content)
    assert next(pieces) == b"a\r\n"
    assert content.asked_for == 2
    assert list(pieces) == [b"b", b"c\r\n"]


def test_a_message_of_nothing_is_one_piece_of_nothing() -> None:
    assert list(whole(Pieces())) == [b""]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Pieces(b"a\r\n", b"b\nc\r\n"), "a message with a CR or LF that stands alone"),
        (Pieces(b"a\r\n", b"b"), "a message that does not end in CRLF"),
        (Pieces(b"a\r\n", b"b\r\n", size=7), "the message has 6 octets where 7 were announced"),
        (Pieces(b"a\r\n", b"b\r\n", size=5), "the message has 6 octets where 5 were announced"),
        (Pieces(b"a\r\n", b"b\r\n", error=OSError(5, "Input/output error")), "Input/output error"),
        (Pieces(b"a\r\n", b"b\r\n", error=OSError("it is gone")), "it is gone"),
        (Pieces(b"a\r\n", b"b\r\n", error=TimeoutError()), "TimeoutError"),
    ],
)
def test_of_a_message_that_is_not_what_it_should_be_the_last_piece_is_held_back(
    content: Pieces, said: str
) -> None:
    given_out: list[bytes] = []
    with pytest.raises(ContentError) as error:
        given_out.extend(whole(content))
    assert error.value.text == said
    assert b"b" not in b"".join(given_out)
