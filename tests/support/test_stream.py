"""The stream double keeps to its list."""

from __future__ import annotations

import time

import pytest

from tests.support.stream import ListStream

DIALOGUE = ((b"", b"220 hello\r\n"), (b"EHLO me\r\n", b"250 fine\r\n"))


def test_it_says_what_its_list_says_when_it_has_heard_enough() -> None:
    stream = ListStream(DIALOGUE)
    assert stream.read(time.monotonic()) == b"220 hello\r\n"
    assert not stream.has_input()
    with pytest.raises(TimeoutError):
        stream.read(time.monotonic())
    stream.write(b"EHLO", time.monotonic())
    stream.write(b" me\r\n", time.monotonic())
    assert stream.read(time.monotonic()) == b"250 fine\r\n"
    assert stream.read(time.monotonic()) == b""
    assert stream.sent == b"EHLO me\r\n"


def test_it_can_say_it_in_pieces() -> None:
    stream = ListStream(DIALOGUE[:1], octets_per_read=1, silent_at_end=True)
    assert [stream.read(0.0) for _ in range(11)] == [bytes((octet,)) for octet in b"220 hello\r\n"]
    with pytest.raises(TimeoutError):
        stream.read(0.0)


def test_a_write_can_break_it() -> None:
    def broken(data: bytes) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        ListStream(DIALOGUE, allow=broken).write(b"EHLO me\r\n", 0.0)
