"""The way out of DATA, cut at every place there is, and what never ends a message."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.content import DotStuffer
from smtp.server.incoming import MAX_LINE, Checked, DataReader

TRAILING = b"NOOP\r\n.\r\n"
LINES = st.lists(st.sampled_from([b".", b"..", b"a", b".a", b"", b"a.", b"\r", b"\n."]), max_size=6).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)


def read(wire: bytes, cuts: list[int]) -> tuple[bytes, bytes | None]:
    """The message, and what came behind it."""
    reader = DataReader()
    message, rest = b"", b""
    for start, end in pairwise([0, *cuts, len(wire)]):
        if reader.rest is not None:
            rest += wire[start:end]
        else:
            message += reader.feed(wire[start:end])
    return message, None if reader.rest is None else reader.rest + rest


@given(LINES, st.data())
def test_what_was_stuffed_comes_out_as_it_was_wherever_it_is_cut(message: bytes, data: st.DataObject) -> None:
    wire = DotStuffer().stuff(message) + b".\r\n" + TRAILING
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    assert read(wire, cuts) == (message, TRAILING)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n..\r\n.b\r\n.\r\n", b"a\r\n.\r\nb\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
    ],
)
def test_each_case_whole_octet_by_octet_and_with_more_behind_it(wire: bytes, message: bytes) -> None:
    for trailing in (b"", TRAILING):
        whole = wire + trailing
        assert read(whole, []) == (message, trailing)
        assert read(whole, list(range(1, len(whole)))) == (message, trailing)


@pytest.mark.parametrize(
    "sloppy", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r.\r\n", b"\n.\r", b"\r\n.\x00\r\n"]
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(sloppy: bytes) -> None:
    wire = b"first" + sloppy + b"MAIL FROM:<evil@x.test>\r\n.\r\n"
    for cuts in ([], list(range(1, len(wire)))):
        message, rest = read(wire, cuts)
        assert rest == b""
        assert b"MAIL FROM:<evil@x.test>" in message
        checked = Checked(1000)
        checked.take(message)
        checked.finish()
        is_only_a_nul = b"\x00" in sloppy
        assert (checked.fault is None) == is_only_a_nul


@pytest.mark.parametrize("message", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n\nb\r\n", b"a\r\r\n", b"a\r"])
def test_a_cr_or_lf_that_stands_alone_is_a_fault_however_it_is_cut(message: bytes) -> None:
    for size in (1, 2, 100):
        checked = Checked(1000)
        for start in range(0, len(message), size):
            checked.take(message[start : start + size])
        checked.finish()
        assert checked.fault is not None
        assert checked.fault[1].startswith("5.6.11 ")


def test_what_is_too_large_and_what_has_too_long_a_line_is_a_fault() -> None:
    checked = Checked(10)
    checked.take(b"12345678\r\n")
    assert checked.fault is None
    checked.take(b"x")
    assert checked.fault is not None
    assert checked.fault[0] == 552
    long = Checked(10**9)
    for _ in range(MAX_LINE // 65_536):
        long.take(b"x" * 65_536)
    assert long.fault is None
    long.take(b"x" * 10)
    assert long.fault is not None
    assert long.fault[1].startswith("5.6.0 ")


def test_a_message_by_chunks_need_not_end_in_a_line_end() -> None:
    checked = Checked(1000)
    checked.take(b"a\r\nb")
    checked.finish()
    assert checked.fault is None
