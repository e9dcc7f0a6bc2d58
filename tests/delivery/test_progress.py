"""A large message that tells how much of it has left."""

from __future__ import annotations

from delivery.progress import LARGE, watched
from smtp.content import Octets


def test_a_large_message_tells_each_piece_and_is_unchanged() -> None:
    told: list[tuple[int, int]] = []
    content = Octets(b"x" * LARGE)
    seen = watched(content, lambda octets, size: told.append((octets, size)))
    assert (seen.size, b"".join(seen.chunks())) == (content.size, b"".join(content.chunks()))
    assert told[-1] == (content.size, content.size)
    assert len(told) == len(list(content.chunks()))
    assert told == sorted(told)


def test_it_can_be_read_again_from_its_beginning() -> None:
    told: list[int] = []
    seen = watched(Octets(b"x" * LARGE), lambda octets, _size: told.append(octets))
    assert list(seen.chunks()) == list(seen.chunks())
    assert told[0] == told[len(told) // 2]


def test_a_small_message_tells_nothing() -> None:
    content = Octets(b"small")
    assert watched(content, lambda _octets, _size: None) is content
