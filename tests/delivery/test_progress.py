"""A large message that tells how much of it has left."""

from __future__ import annotations

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pool import Pool
from delivery.progress import LARGE, WithProgress
from delivery.transport import Access, Transport
from delivery.window import deliver
from message.draft import Addressing, plain_draft
from smtp.content import Octets
from smtp.outcome import Outcome
from tests.support.actions import FakeContext
from tests.support.scripted import ScriptedServer, Settings


class Counting(FakeContext):
    """Notes how much of a message has left."""

    told = 0

    def sent(self, octets: int, size: int) -> None:
        self.told = octets


def test_a_large_message_tells_each_piece_and_is_unchanged() -> None:
    told: list[tuple[int, int]] = []
    content = Octets(b"x" * LARGE)
    seen = WithProgress(content, lambda octets, size: told.append((octets, size)))
    assert (seen.size, b"".join(seen.chunks())) == (content.size, b"".join(content.chunks()))
    assert told[-1] == (content.size, content.size)
    assert len(told) == len(list(content.chunks()))
    assert told == sorted(told)


def test_it_can_be_read_again_from_its_beginning() -> None:
    told: list[int] = []
    seen = WithProgress(Octets(b"x" * LARGE), lambda octets, _size: told.append(octets))
    assert list(seen.chunks()) == list(seen.chunks())
    assert told[0] == told[len(told) // 2]


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_delivery_tells_of_a_large_message_and_of_no_small_one(size: int) -> None:
    with ScriptedServer(Settings()) as server:
        context = Counting(asset=Asset(Login("1", server.host, server.port), "None"))
        addressing = Addressing(to="you@example.com", sender="me@example.com")
        attempt = Attempt(plain_draft(addressing, "x\n" * (size // 2)))
        with Transport(Access(context.asset, context), Pool()) as transport:
            (told,) = deliver(transport, context, [attempt])
    assert told.delivery is not None
    assert told.delivery.outcome is Outcome.SENT
    assert bool(context.told) == (size >= LARGE)
