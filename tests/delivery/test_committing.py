"""The point of no return: whoever watches hears of it before it is passed, and can still prevent it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from actions.contract import HostError
from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pool import Pool
from delivery.transport import Access, Transport
from delivery.window import deliver
from message.draft import Addressing, plain_draft
from smtp.outcome import Outcome
from tests.support.actions import FakeContext
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step


class Watching(FakeContext):
    """Notes which messages are committed, and what the server had by then; forbids those that it is told."""

    server: ScriptedServer
    forbidden: frozenset[str] = frozenset()

    def committing(self, attempts: Sequence[Attempt]) -> None:
        subjects = [subject(attempt) for attempt in attempts]
        has = {entry.recipients[0].partition("@")[0] for entry in self.server.log.accepted}
        assert not has & set(subjects)
        if self.forbidden & set(subjects):
            raise HostError("The disk is full.")
        self.committed += attempts


def subject(attempt: Attempt) -> str:
    assert attempt.outgoing is not None
    return attempt.outgoing.recipients[0].local_part


def sent(
    server: ScriptedServer, count: int, *forbidden: str, **fields: Any
) -> tuple[list[Attempt], Watching]:
    asset = Asset(Login("1", server.host, server.port), "None", **fields)
    context = Watching(asset=asset)
    context.server, context.forbidden = server, frozenset(forbidden)
    attempts = [
        Attempt(plain_draft(Addressing(to=f"r{n}@example.com", sender="me@example.com", subject=str(n)), "x"))
        for n in range(count)
    ]
    with Transport(Access(asset, context), Pool()) as transport:
        told = list(deliver(transport, context, attempts))
    assert told == attempts
    return attempts, context


@pytest.mark.parametrize("count", [1, 10, 40])
@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("window", [1, 20])
def test_every_message_is_committed_once_before_the_server_has_it(
    count: int, chunking: bool, window: int
) -> None:
    with ScriptedServer(Settings(chunking=chunking)) as server:
        attempts, context = sent(server, count, window=window)
    assert {attempt.delivery and attempt.delivery.outcome for attempt in attempts} == {Outcome.SENT}
    assert sorted(map(subject, context.committed)) == sorted(map(subject, attempts))
    assert all(attempt.is_committed for attempt in attempts)


@pytest.mark.parametrize("chunking", [True, False], ids=["BDAT", "DATA"])
@pytest.mark.parametrize("count", [6, 40])
@pytest.mark.parametrize("window", [1, 20])
def test_one_that_may_not_be_committed_is_not_sent_and_the_others_are(
    count: int, chunking: bool, window: int
) -> None:
    with ScriptedServer(Settings(chunking=chunking)) as server:
        attempts, _ = sent(server, count, "r0", "r3", window=window)
    took = [entry.recipients[0].partition("@")[0] for entry in server.log.accepted]
    for attempt in attempts:
        if subject(attempt) in ("r0", "r3"):
            assert str(attempt.error) == "The disk is full."
            assert not attempt.is_committed
            assert subject(attempt) not in took
        else:
            assert attempt.delivery is not None
            assert attempt.delivery.outcome is Outcome.SENT
            assert took.count(subject(attempt)) == 1


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("window", [1, 20])
def test_where_nothing_may_be_committed_any_more_the_run_does_not_log_in_for_each_mail(
    window: int, most: int
) -> None:
    forbidden = [f"r{number}" for number in range(5, 60)]
    with ScriptedServer() as server:
        attempts, _ = sent(server, 60, *forbidden, window=window, max_connections=most)
    for attempt in attempts[5:]:
        assert "The disk is full." in str(attempt.error)
    assert server.log.connections <= 10
    assert len(server.log.accepted) == 5


def test_a_message_that_the_server_refused_before_its_content_was_never_committed() -> None:
    refuses = Fault(Step.RCPT, Kind.PERMANENT, nth=2)
    with ScriptedServer(Settings(fault=refuses)) as server:
        attempts, context = sent(server, 3)
    assert [attempt.is_committed for attempt in attempts] == [True, False, True]
    assert len(context.committed) == 2


def test_recipients_that_one_connection_does_not_take_get_it_over_another() -> None:
    with ScriptedServer(Settings(limits="MAILMAX=1 RCPTMAX=1", max_messages=1, max_recipients=1)) as server:
        asset = Asset(Login("1", server.host, server.port), "None")
        context = FakeContext(asset=asset)
        to = "a@example.com, b@example.com, c@example.com"
        attempt = Attempt(plain_draft(Addressing(to=to, sender="me@example.com", subject="s"), "x"))
        with Transport(Access(asset, context), Pool()) as transport:
            list(deliver(transport, context, [attempt]))
    assert attempt.delivery is not None
    assert attempt.delivery.outcome is Outcome.SENT
    assert sorted(entry.recipients for entry in server.log.accepted) == [
        ("a@example.com",),
        ("b@example.com",),
        ("c@example.com",),
    ]
    assert server.log.connections == 3
