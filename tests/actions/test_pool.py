"""Concurrent runs of one asset in one process: as many connections as are allowed, and each to its own account."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from actions.contract import Asset
from delivery.pool import IDLE_SECONDS, WAIT_SECONDS, Interrupt, Line, Pool
from smtp.errors import Cancelled, Step, TimedOut
from smtp.session import Session
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

ASSET = Asset("1", "mail.example.com", 587, "StartTLS", username="jane", password="one")


class FakeSession:
    def __init__(self) -> None:
        self.is_open = True
        self.alive = True
        self.is_used_up = False

    def is_alive(self) -> bool:
        return self.alive

    def quit(self) -> None:
        self.is_open = False


class Bench:
    """A pool whose clock and connections are the test's."""

    def __init__(self, most: int = 2) -> None:
        self.now = 0.0
        self.opened: list[FakeSession] = []
        self.pool = Pool(most, clock=lambda: self.now)

    def connect(self) -> Line:
        session = FakeSession()
        self.opened.append(session)
        return Line(cast(Session, session), Interrupt(lambda: None))

    def lend(self, asset: Asset = ASSET, interrupt: Callable[[], None] = lambda: None) -> Line:
        return self.pool.lend(asset, self.connect, interrupt)


def test_a_session_waits_for_the_next_run_while_another_goes_on() -> None:
    bench = Bench()
    first, second = bench.lend(), bench.lend()
    bench.pool.give_back(ASSET, first)
    assert bench.lend() is first
    assert first is not second


def test_the_last_run_leaves_no_session_behind() -> None:
    bench = Bench()
    first, second = bench.lend(), bench.lend()
    bench.pool.give_back(ASSET, first)
    bench.pool.give_back(ASSET, second)
    assert [session.is_open for session in bench.opened] == [False, False]
    assert bench.lend() not in (first, second)


def test_a_session_that_has_idled_too_long_is_ended() -> None:
    bench = Bench(most=3)
    first, second, _third = bench.lend(), bench.lend(), bench.lend()
    bench.pool.give_back(ASSET, first)
    bench.now = IDLE_SECONDS + 1
    bench.pool.give_back(ASSET, second)
    assert [session.is_open for session in bench.opened] == [False, True, True]


@pytest.mark.parametrize("fault", ["dead", "used up"])
def test_a_session_is_looked_at_before_it_is_lent_again(fault: str) -> None:
    bench = Bench()
    first, _second = bench.lend(), bench.lend()
    bench.pool.give_back(ASSET, first)
    bench.opened[0].alive, bench.opened[0].is_used_up = fault != "dead", fault == "used up"
    assert bench.lend() is not first
    assert not bench.opened[0].is_open


@pytest.mark.parametrize(
    "other",
    [
        replace(ASSET, password="two"),
        replace(ASSET, username="joe"),
        replace(ASSET, port=25),
        replace(ASSET, server="mail.example.org"),
        replace(ASSET, ssl_config="SSL"),
        replace(ASSET, verify_server_cert=False),
        replace(ASSET, client_cert="x"),
    ],
)
def test_nobody_gets_a_session_of_another_account_or_trust(other: Asset) -> None:
    bench = Bench()
    first, _second = bench.lend(), bench.lend()
    bench.pool.give_back(ASSET, first)
    assert bench.lend(other) is not first


def test_a_failed_connection_leaves_its_place_to_others() -> None:
    bench = Bench(most=1)

    def fails() -> Line:
        raise TimedOut("no answer", step=Step.CONNECT)

    with pytest.raises(TimedOut):
        bench.pool.lend(ASSET, fails, lambda: None)
    assert bench.lend().session.is_open


def test_whoever_waits_can_be_cancelled_and_does_not_wait_for_ever() -> None:
    bench = Bench(most=1)
    line = bench.lend()

    def cancelled() -> None:
        raise Cancelled("stop", step=Step.CONNECT)

    def time_passes() -> None:
        bench.now = WAIT_SECONDS + 1

    with pytest.raises(Cancelled):
        bench.lend(interrupt=cancelled)
    with pytest.raises(TimedOut, match="in use"):
        bench.lend(interrupt=time_passes)
    bench.pool.give_back(ASSET, line)
    assert bench.lend().session.is_open


def test_many_runs_at_once_share_three_connections(run: Runner) -> None:
    with ScriptedServer(Settings(delay=0.01)) as server:
        results: list[bool] = []

        def one(number: int) -> None:
            parameters = [{"to": f"r{number}@example.com", "subject": str(n), "body": "x"} for n in range(2)]
            results.append(run("send_email", asset(server), *parameters).succeeded)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.wait_until_served()
    assert results == [True] * 9
    assert len(server.log.accepted) == 18
    assert server.log.connections < 9
    assert len({accepted.recipients for accepted in server.log.accepted}) == 9
