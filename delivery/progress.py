"""A large message that tells how much of it has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from smtp.content import Content

LARGE = 1024 * 1024
"""Octets. Anything smaller is gone before anybody could look."""


class WithProgress(NamedTuple):
    """`content` as it is, with `tell` called with the octets that have left, of how many, after each piece."""

    content: Content
    tell: Callable[[int, int], None]

    @property
    def size(self) -> int:
        return self.content.size

    def chunks(self) -> Iterator[bytes]:
        left = 0
        for chunk in self.content.chunks():
            yield chunk
            left += len(chunk)
            self.tell(left, self.size)
