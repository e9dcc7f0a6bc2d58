"""Concurrent runs of one asset in one process: as many connections as are allowed, and each to its own account."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.errors import NoTurn
from delivery.pool import IDLE_SECONDS, WAIT_SECONDS, Interrupt, Pool, PooledSession, Slot
from delivery.transport import Access, Transport
from smtp.errors import Cancelled, Refused, TimedOut
from smtp.errors import Step as SmtpStep
from smtp.session import Session
from tests.support.actions import FakeContext
from tests.support.running import Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

ASSET = Asset(Login("1", "mail.example.com", 587, username="jane", password="one"), "StartTLS")


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
        self.asset = ASSET._replace(max_connections=most)
        self.now = 0.0
        self.opened: list[FakeSession] = []
        self.pool = Pool(clock=lambda: self.now)

    def connect(self) -> PooledSession:
        session = FakeSession()
        self.opened.append(session)
        return PooledSession(cast(Session, session), Interrupt(lambda: None))

    def lend(self, asset: Asset | None = None, interrupt: Callable[[], None] = lambda: None) -> PooledSession:
        return self.pool.lend(asset or self.asset, self.connect, interrupt)


def test_a_session_waits_for_the_next_run_while_another_goes_on() -> None:
    bench = Bench()
    first, second = bench.lend(), bench.lend()
    bench.pool.give_back(bench.asset, first, lambda: None)
    assert bench.lend() is first
    assert first is not second


def test_the_last_run_leaves_no_session_behind() -> None:
    bench = Bench()
    first, second = bench.lend(), bench.lend()
    bench.pool.give_back(bench.asset, first, lambda: None)
    bench.pool.give_back(bench.asset, second, lambda: None)
    assert [session.is_open for session in bench.opened] == [False, False]
    assert bench.lend() not in (first, second)


def test_a_session_that_has_idled_too_long_is_ended() -> None:
    bench = Bench(most=3)
    first, second, _third = bench.lend(), bench.lend(), bench.lend()
    bench.pool.give_back(bench.asset, first, lambda: None)
    bench.now = IDLE_SECONDS + 1
    bench.pool.give_back(bench.asset, second, lambda: None)
    assert [session.is_open for session in bench.opened] == [False, True, True]


@pytest.mark.parametrize("fault", ["dead", "used up", "old"])
def test_a_session_is_looked_at_before_it_is_lent_again(fault: str) -> None:
    bench = Bench()
    first, _second = bench.lend(), bench.lend()
    bench.pool.give_back(bench.asset, first, lambda: None)
    bench.opened[0].alive, bench.opened[0].is_used_up = fault != "dead", fault == "used up"
    bench.now += (IDLE_SECONDS + 1) * (fault == "old")
    assert bench.lend() is not first
    assert not bench.opened[0].is_open


@pytest.mark.parametrize(
    "other",
    [
        ASSET._replace(login=ASSET.login._replace(password="two")),
        ASSET._replace(login=ASSET.login._replace(username="joe")),
        ASSET._replace(login=ASSET.login._replace(port=25)),
        ASSET._replace(login=ASSET.login._replace(server="mail.example.org")),
        ASSET._replace(ssl_config="SSL"),
        ASSET._replace(verify_server_cert=False),
        ASSET._replace(client_cert="x"),
    ],
)
def test_nobody_gets_a_session_of_another_account_or_trust(other: Asset) -> None:
    bench = Bench()
    first, _second = bench.lend(), bench.lend()
    bench.pool.give_back(bench.asset, first, lambda: None)
    assert bench.lend(other._replace(max_connections=2)) is not first


def test_a_failed_connection_leaves_its_place_to_others() -> None:
    bench = Bench(most=1)

    def fails() -> PooledSession:
        raise TimedOut("no answer", step=SmtpStep.CONNECT)

    with pytest.raises(TimedOut):
        bench.pool.lend(bench.asset, fails, lambda: None)
    assert bench.lend().session.is_open


def test_a_failed_connection_of_the_last_run_leaves_no_session_behind() -> None:
    bench = Bench()
    first = bench.lend()

    def fails() -> PooledSession:
        bench.pool.give_back(bench.asset, first, lambda: None)
        raise TimedOut("no answer", step=SmtpStep.CONNECT)

    with pytest.raises(TimedOut):
        bench.pool.lend(bench.asset, fails, lambda: None)
    assert [session.is_open for session in bench.opened] == [False]


def test_whoever_waits_can_be_cancelled_and_does_not_wait_for_ever() -> None:
    bench = Bench(most=1)
    lent = bench.lend()

    def cancelled() -> None:
        raise Cancelled("stop", step=SmtpStep.CONNECT)

    def time_passes() -> None:
        bench.now = WAIT_SECONDS + 1

    with pytest.raises(Cancelled):
        bench.lend(interrupt=cancelled)
    with pytest.raises(NoTurn, match="in use"):
        bench.lend(interrupt=time_passes)
    bench.pool.give_back(bench.asset, lent, lambda: None)
    assert bench.lend().session.is_open


def test_a_process_that_is_forked_while_the_pool_is_busy_can_use_its_own() -> None:
    bench = Bench(most=1)
    bench.lend()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with bench.pool._changed:
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(10)
    child = os.fork()
    if child == 0:
        bench.lend()  # it would wait for ever for the lock, or for the session that its parent lent
        os._exit(0)
    try:
        deadline = time.monotonic() + 10
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ended == (child, 0)
    finally:
        leave.set()
        holder.join()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


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


class Places:
    """The machine's places, as a host would keep them."""

    def __init__(self, most: int) -> None:
        self.free_ones = most
        self.waiting = 0

    def take(self, asset: Asset) -> Places | None:
        if not self.free_ones:
            return None
        self.free_ones -= 1
        return self

    def free(self) -> None:
        self.free_ones += 1

    def wait(self, asset: Asset) -> Slot:
        self.waiting += 1
        return self._Waiting(self)

    def is_wanted(self, asset: Asset) -> bool:
        return self.waiting > 0

    class _Waiting:
        def __init__(self, places: Places) -> None:
            self._places = places

        def free(self) -> None:
            self._places.waiting -= 1


def transport(server: ScriptedServer, places: Places, pool: Pool, *, may_wait: bool = True) -> Transport:
    account = Asset(Login("1", server.host, server.port), "None")
    return Transport(Access(account, FakeContext(asset=account), slots=places), pool, may_wait=may_wait)


def test_a_connection_has_a_place_on_the_machine_for_as_long_as_it_lasts() -> None:
    places, pool = Places(1), Pool()
    with ScriptedServer() as server:
        with transport(server, places, pool) as first:
            first.open_session()
            assert places.free_ones == 0
        assert places.free_ones == 1


def test_a_connection_that_does_not_come_about_keeps_no_place() -> None:
    places = Places(1)
    refuses = Settings(fault=Fault(Step.BANNER, Kind.PERMANENT))
    with (
        ScriptedServer(refuses) as server,
        transport(server, places, Pool()) as first,
        pytest.raises(Refused),
    ):
        first.open_session()
    assert places.free_ones == 1


def test_whoever_may_not_wait_is_told_at_once_that_other_programs_have_all_places() -> None:
    with (
        ScriptedServer() as server,
        transport(server, Places(0), Pool(), may_wait=False) as extra,
        pytest.raises(NoTurn, match="other programs on this machine"),
    ):
        extra.open_session()
    assert server.log.connections == 0


def test_a_place_that_becomes_free_is_taken_by_the_run_that_waits() -> None:
    places = Places(0)
    with ScriptedServer() as server, transport(server, places, Pool()) as waiting:
        threading.Timer(0.3, places.free).start()
        assert waiting.open_session().is_open


def test_a_run_that_waits_for_a_place_takes_a_session_that_another_of_its_runs_gives_back() -> None:
    """Its place is not free: the session has it. So two accounts would wait for each other for ever."""
    places, pool = Places(1), Pool()
    with ScriptedServer() as server:
        first, second = transport(server, places, pool), transport(server, places, pool)
        lent = first.open_session()
        got: list[Session] = []
        waiting = threading.Thread(target=lambda: got.append(second.open_session()))
        waiting.start()
        while not pool.is_wanted(first.access.asset):  # it has found no place
            time.sleep(0.01)
        first.close()
        waiting.join(timeout=30)
        second.close()
    assert got == [lent]
    assert server.log.connections == 1


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_session_that_lies_idle_keeps_no_place_that_another_program_waits_for(is_wanted: bool) -> None:
    places, pool = Places(2), Pool()
    with ScriptedServer() as server:
        first, second = transport(server, places, pool), transport(server, places, pool)
        first.open_session()
        second.open_session()
        places.waiting += is_wanted
        second.close()
        assert places.free_ones == is_wanted
        assert first.is_open
        first.close()
    assert places.free_ones == 2
