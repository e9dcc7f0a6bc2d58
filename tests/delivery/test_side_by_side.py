"""A run of many messages over several sessions: each sent once, told in order, and no more connections than allowed."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auth.settings import Login
from delivery.asset import Asset
from delivery.attempt import Attempt
from delivery.pool import Pool
from delivery.side_by_side import WAITING
from delivery.transport import Access, Transport
from delivery.window import MANY, deliver
from host.local.locks import MachineSlots
from message.draft import Addressing, plain_draft
from smtp.outcome import Outcome
from smtp_connector import SmtpConnector
from tests.support.actions import FakeContext
from tests.support.running import Run, Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step
from tests.support.scripted.server import closed_port

COUNT = 60


def mails(count: int = COUNT) -> list[dict[str, str]]:
    return [{"to": f"r{number}@example.com", "subject": str(number), "body": "x"} for number in range(count)]


def recipients(server: ScriptedServer) -> Counter[str]:
    return Counter(address for message in server.log.accepted for address in message.recipients)


def outcomes(done: Run) -> list[str]:
    return [str(result["data"][0]["outcome"]) for result in done.results]


def assert_true(done: Run, server: ScriptedServer, count: int = COUNT) -> None:
    took = recipients(server)
    assert [result["parameter"]["subject"] for result in done.results] == [str(n) for n in range(count)]
    assert max(took.values(), default=0) <= 1
    for number, outcome in enumerate(outcomes(done)):
        assert outcome == "unknown" or (outcome == "sent") == (took[f"r{number}@example.com"] == 1)


def account(server: ScriptedServer, **fields: Any) -> Asset:
    return Asset(Login("1", server.host, server.port), "None", **fields)


def attempts(count: int, seen: list[int] | None = None) -> Iterator[Attempt]:
    for number in range(count):
        if seen is not None:
            seen.append(number)
        addressing = Addressing(to=f"r{number}@example.com", sender="me@example.com", subject=str(number))
        yield Attempt(plain_draft(addressing, "x"))


def test_many_messages_go_over_several_connections_and_are_told_in_order(run: Runner) -> None:
    with ScriptedServer(Settings(delay=0.005)) as server:
        done = run("send_email", asset(server), *mails())
    assert outcomes(done) == ["sent"] * COUNT
    assert_true(done, server)
    assert 1 < server.log.connections <= 3
    assert not server.log.violations


@pytest.mark.parametrize(("count", "most"), [(MANY - 1, 3), (COUNT, 1)])
def test_few_messages_or_one_allowed_connection_stay_on_one(run: Runner, count: int, most: int) -> None:
    with ScriptedServer() as server:
        done = run("send_email", asset(server, max_connections=most), *mails(count))
    assert outcomes(done) == ["sent"] * count
    assert server.log.connections == 1


def test_what_others_have_no_connection_for_in_the_end_goes_over_the_first(run: Runner) -> None:
    """They wait for the server's greeting in vain, and by then the first one has sent everything else."""
    fault = Fault(Step.BANNER, Kind.SILENCE, nth=2, times=COUNT)
    with ScriptedServer(Settings(fault=fault, delay=0.005)) as server:
        done = run("send_email", asset(server, read_timeout=3, max_connections=6), *mails(MANY + 5))
    assert outcomes(done) == ["sent"] * (MANY + 5)
    assert_true(done, server, MANY + 5)


def test_a_server_that_takes_one_connection_only_gets_everything_over_that_one(run: Runner) -> None:
    refuses = Fault(Step.BANNER, Kind.SAYS, nth=2, times=99, reply=b"421 4.3.2 one at a time\r\n")
    with ScriptedServer(Settings(delay=0.002, fault=refuses)) as server:
        done = run("send_email", asset(server), *mails())
    assert outcomes(done) == ["sent"] * COUNT
    assert_true(done, server)


@pytest.mark.parametrize("kind", [Kind.CLOSE, Kind.RESET, Kind.SHUTDOWN, Kind.GARBAGE])
@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.END])
def test_a_lost_connection_touches_what_was_on_it_and_the_rest_is_sent(
    run: Runner, step: Step, kind: Kind
) -> None:
    with ScriptedServer(Settings(delay=0.002, fault=Fault(step, kind, nth=30))) as server:
        done = run("send_email", asset(server), *mails())
    assert_true(done, server)
    assert outcomes(done).count("sent") >= COUNT - 2
    assert outcomes(done).count("unknown") <= 1


def test_what_can_not_be_prepared_keeps_its_place(run: Runner) -> None:
    sets = mails()
    for number in (0, 1, 25, 59):
        sets[number]["to"] = "nobody"
    with ScriptedServer() as server:
        done = run("send_email", asset(server), *sets)
    assert [n for n, outcome in enumerate(outcomes(done)) if outcome != "sent"] == [0, 1, 25, 59]
    assert len(server.log.accepted) == COUNT - 4


def test_only_so_many_are_taken_while_the_first_is_waited_for() -> None:
    seen: list[int] = []
    slow = Fault(Step.END, Kind.STALL, nth=2)
    with ScriptedServer(Settings(fault=slow, lifetime=1.5)) as server:
        asset_ = account(server)
        with Transport(Access(asset_, FakeContext(asset=asset_)), Pool()) as transport:
            told = deliver(transport, FakeContext(asset=asset_), attempts(500, seen))
            next(told)  # the one before the slow one
            next(told)
            assert len(seen) <= MANY + asset_.max_connections * (WAITING + asset_.window) + 1
            told.close()  # type: ignore[attr-defined]  # it is a generator


def test_another_run_does_not_wait_for_the_whole_of_a_long_one(run: Runner) -> None:
    with ScriptedServer(Settings(delay=0.01)) as server:
        fields = asset(server, max_connections=2)
        ended: dict[str, float] = {}

        def go(name: str, count: int) -> None:
            assert outcomes(run("send_email", fields, *mails(count))) == ["sent"] * count
            ended[name] = time.monotonic()

        long = threading.Thread(target=go, args=("long", 150))
        long.start()
        while len(server.log.accepted) < 30:
            time.sleep(0.01)
        go("short", 1)
        long.join()
        assert ended["short"] < ended["long"]
        assert server.log.connections <= 4


class Taken:
    """Places on the machine of which another program takes the first few that are given back, for a moment."""

    def __init__(self, most: int, taken: int) -> None:
        self._places = threading.Semaphore(most)
        self._taken = iter(range(taken))

    def take(self, asset: Asset) -> Taken | None:
        return self if self._places.acquire(blocking=False) else None

    def free(self) -> None:
        if next(self._taken, None) is None:
            self._places.release()
        else:
            threading.Timer(0.5, self._places.release).start()

    def wait(self, asset: Asset) -> Waiting:
        return Waiting()

    def is_wanted(self, asset: Asset) -> bool:
        return False


class Waiting:
    def free(self) -> None:
        """Nobody was told."""


def test_a_session_that_ends_and_finds_its_place_taken_leaves_its_mail_to_the_others() -> None:
    with ScriptedServer(Settings(closes_after=5, delay=0.005)) as server:
        asset_ = account(server)
        access = Access(asset_, FakeContext(asset=asset_), slots=Taken(3, 4))
        with Transport(access, Pool()) as transport:
            told = list(deliver(transport, FakeContext(asset=asset_), attempts(COUNT)))
    assert [attempt.delivery and attempt.delivery.outcome for attempt in told] == [Outcome.SENT] * COUNT
    assert max(recipients(server).values()) == 1


def test_another_program_that_waits_for_a_place_gets_one_while_a_long_run_goes_on(tmp_path: Path) -> None:
    with ScriptedServer(Settings(delay=0.01)) as server:
        asset_ = account(server, max_connections=2)
        access = Access(asset_, FakeContext(asset=asset_), slots=MachineSlots(tmp_path))
        with Transport(access, Pool()) as transport:
            told = deliver(transport, FakeContext(asset=asset_), attempts(300))
            for _ in range(30):
                next(told)
            others = MachineSlots(tmp_path)
            assert others.take(asset_) is None
            waiting, place = others.wait(asset_), None
            for _ in range(200):
                if place is None:
                    place = others.take(asset_)
                next(told)
            assert place is not None
            place.free()
            waiting.free()
            assert all(attempt.has_ended for attempt in told)


def test_a_cancelled_run_tells_what_was_sent_and_begins_nothing_more() -> None:
    connector = SmtpConnector()
    connector.show_progress = lambda _text: None
    told = []
    connector.show_result = lambda result: (
        told.append(result),
        len(told) == 25 and connector.handle_cancel(),
    )
    with ScriptedServer(Settings(delay=0.002)) as server:
        document = {"identifier": "send_email", "config": asset(server), "parameters": mails(200)}
        done = Run(json.loads(connector._handle_action(json.dumps(document), None)))
        server.wait_until_served()
    assert_true(done, server, 200)
    assert outcomes(done).count("unknown") <= 3
    assert outcomes(done)[-1] == "not sent"
    assert done.results[-1]["data"][0]["failure"]["category"] == "cancelled"
    assert len(server.log.accepted) < 200


def test_a_mistake_of_ours_in_one_session_leaves_the_others_with_their_truth() -> None:
    class Broken:
        sender = recipients = None

        def compose(self, *, eight_bit: bool, smtputf8: bool) -> Any:
            raise ZeroDivisionError

    broken = Attempt(Broken())  # type: ignore[arg-type]  # it is not made to be sent
    all_of_them = [*attempts(40), broken, *attempts(5)]
    with ScriptedServer(Settings(delay=0.002)) as server:
        asset_ = account(server)
        told = []
        with (
            Transport(Access(asset_, FakeContext(asset=asset_)), Pool()) as transport,
            pytest.raises(ZeroDivisionError),
        ):
            told += deliver(transport, FakeContext(asset=asset_), all_of_them)
        server.wait_until_served()
    ended = [attempt for attempt in all_of_them if attempt.delivery is not None]
    committed = [attempt for attempt in all_of_them if attempt.is_committed]
    assert len(ended) <= len(server.log.accepted) <= len(committed)
    assert not broken.is_committed


@pytest.mark.parametrize("count", [19, 500])
def test_a_server_that_can_not_be_reached_is_tried_three_times(run: Runner, count: int) -> None:
    with ScriptedServer() as server:
        fields = asset(server, port=closed_port())
    done = run("send_email", fields, *mails(count))
    assert outcomes(done) == ["not sent"] * count
    said = "\n".join(done.progress)
    assert said.count("Connecting to ") == 3
    assert said.count("what is left is not tried") == 1
    last = done.results[-1]["data"][0]
    assert (last["failure"]["step"], last["failure"]["retryable"]) == ("connection", True)
    where = f"at step connection with 127.0.0.1:{fields['port']}: It was not tried, because 3 attempts before it failed"
    assert where in done.results[-1]["message"]
    assert last["server"] == f"127.0.0.1:{fields['port']}"


def test_failures_of_different_kinds_or_not_in_a_row_do_not_end_a_run(run: Runner) -> None:
    busy = Fault(Step.BANNER, Kind.SAYS, nth=1, times=2, reply=b"421 4.3.2 busy\r\n")
    with ScriptedServer(Settings(fault=busy)) as server:
        done = run("send_email", asset(server), *mails(6))
    assert outcomes(done) == ["not sent"] * 2 + ["sent"] * 4
