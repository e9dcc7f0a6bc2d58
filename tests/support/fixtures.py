"""Fixtures for tests that run actions and look at what arrived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.catcher import Catcher, Caught, Offer
from tests.support.running import Runner


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """Runs actions on a data folder of its own. Whatever the test is about, no secret may have been seen."""
    home = tmp_path / "home"
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(home))
    runner = Runner(home)
    yield runner
    assert runner.exposed() == []
    assert not any("Traceback" in text for text in runner.said)


@pytest.fixture(scope="module")
def catcher() -> Iterator[Catcher]:
    """A server for all tests of a module. It offers 8BITMIME, SMTPUTF8 and PIPELINING."""
    with Catcher(offer=Offer(pipelining=True)) as server:
        yield server


@pytest.fixture(scope="module")
def simple_catcher() -> Iterator[Catcher]:
    """The same, offering neither 8BITMIME nor SMTPUTF8."""
    with Catcher(offer=Offer(eight_bit=False, smtputf8=False)) as server:
        yield server


class Inbox:
    """What a catcher was given since the test began."""

    def __init__(self, *catchers: Catcher) -> None:
        self._before = [(catcher, len(catcher.messages)) for catcher in catchers]

    @property
    def messages(self) -> list[Caught]:
        return [message for catcher, count in self._before for message in catcher.messages[count:]]

    @property
    def only(self) -> Caught:
        (message,) = self.messages
        return message

    @property
    def is_empty(self) -> bool:
        return not self.messages


@pytest.fixture
def inbox(catcher: Catcher) -> Inbox:
    return Inbox(catcher)


@pytest.fixture
def simple_inbox(simple_catcher: Catcher) -> Inbox:
    return Inbox(simple_catcher)
