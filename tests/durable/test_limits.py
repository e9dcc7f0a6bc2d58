"""What an account may send holds for all that send over it, and a run that somebody waits for goes first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from delivery import window
from delivery.attempt import Attempt
from delivery.pace import Wait, next_turn
from host.local import limits
from host.local.home import Home
from host.local.limits import DatabasePace
from host.local.locks import MachineSlots
from host.manifest.model import load
from host.manifest.validation import parse_asset
from smtp.errors import SmtpError, Step
from smtp.reply import Reply
from tests.durable.working import Working, add_asset, mails, number_of, submit, wait_until, worked
from tests.host.processes import start
from tests.support.ledgers import ASSET, states
from tests.support.running import Runner, asset
from tests.support.scripted import ScriptedServer, Settings

MINUTELY = ASSET._replace(messages_per_minute=60)
DAILY = ASSET._replace(recipients_per_day=10)


class Clock:
    """The database's clock."""

    now = 1_700_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "database_time", lambda _connection: clock.now)
    return clock


def seconds(wait: Wait | None) -> float:
    return 0.0 if wait is None else -1.0 if wait.seconds is None else wait.seconds


def test_a_sixth_of_the_minute_may_leave_at_once_and_then_one_at_a_time(tmp_path: Path, clock: Clock) -> None:
    one, other = (DatabasePace(tmp_path, is_urgent=True) for _ in range(2))
    assert [seconds(pace.turn(MINUTELY, 1)) for pace in (one, other) * 5] == [0.0] * 10
    assert seconds(one.turn(MINUTELY, 1)) == pytest.approx(1.0)
    clock.now += 1
    assert [seconds(other.turn(MINUTELY, 1)), seconds(one.turn(MINUTELY, 1))] == [0.0, pytest.approx(1.0)]
    clock.now += 3600
    assert [seconds(one.turn(MINUTELY, 1)) for _ in range(11)] == [0.0] * 10 + [pytest.approx(1.0)]


def test_in_no_minute_more_leave_than_the_limit_and_what_may_leave_at_once(
    tmp_path: Path, clock: Clock
) -> None:
    processes = [DatabasePace(tmp_path, is_urgent=True) for _ in range(12)]
    left: list[float] = []
    for step in range(900):
        clock.now = Clock.now + step / 10
        pace = processes[step % 12]
        if pace.turn(MINUTELY, 1) is None:
            left.append(clock.now)
    for since in left:
        assert sum(since <= at < since + 60 for at in left) <= 60 + 10
    assert len(left) >= 90


@pytest.mark.parametrize("per_minute", [1, 5, 6, 30, 600])
def test_the_rate_is_reached_and_not_exceeded_whatever_it_is(per_minute: int) -> None:
    idle = now = 0.0
    left = 0
    while now < 600:
        turn = next_turn(idle, now, per_minute)
        if turn.seconds:
            now += turn.seconds
            continue
        idle, left = turn.idle, left + 1
    assert per_minute * 10 <= left <= per_minute * 10 + max(per_minute // 6, 1)


def test_recipients_of_a_day_are_counted_over_the_last_24_hours(tmp_path: Path, clock: Clock) -> None:
    pace = DatabasePace(tmp_path, is_urgent=True)
    clock.now = 1_700_000_000.0 // 3600 * 3600
    assert pace.turn(DAILY, 6) is None
    clock.now += 3 * 3600
    assert pace.turn(DAILY, 4) is None
    assert seconds(pace.turn(DAILY, 1)) == 21 * 3600
    assert seconds(pace.turn(DAILY, 7)) == 24 * 3600
    clock.now += 21 * 3600
    assert pace.turn(DAILY, 6) is None
    never = pace.turn(DAILY, 11)
    assert never is not None
    assert never.seconds is None
    assert "10 recipients in 24 hours, and the message has 11" in never.reason


def test_a_worker_takes_no_turn_while_somebody_waits_for_one(tmp_path: Path, clock: Clock) -> None:
    person, worker = DatabasePace(tmp_path, is_urgent=True), DatabasePace(tmp_path, is_urgent=False)
    for _ in range(10):
        assert worker.turn(MINUTELY, 1) is None
    assert seconds(person.turn(MINUTELY, 1)) == pytest.approx(1.0)
    clock.now += 0.9
    assert "somebody waits" in str(worker.turn(MINUTELY, 1))
    clock.now += 0.1
    assert person.turn(MINUTELY, 1) is None
    clock.now += 5
    assert worker.turn(MINUTELY, 1) is None


def refused(code: int, text: str, step: Step = Step.MAIL) -> Attempt:
    reply = Reply(code, (text,))
    return Attempt(error=_Refused(str(reply), step, reply))


class _Refused(SmtpError):
    def __init__(self, text: str, step: Step, reply: Reply) -> None:
        super().__init__(text, step=step, category="temporary", reply=reply)  # type: ignore[arg-type] # any


@pytest.mark.parametrize(
    ("attempt", "waits"),
    [
        (lambda: refused(450, "4.7.1 Error: too much mail, slow down: rate exceeded"), True),
        (lambda: refused(451, "4.3.0 my disk is full"), False),
        (lambda: refused(421, "4.3.2 closing this connection"), False),
        (lambda: refused(421, "4.7.0 sending rate exceeded"), True),
        (lambda: refused(550, "5.7.1 no"), False),
        (lambda: refused(450, "4.7.1 rate limited", Step.RCPT), False),
        (lambda: Attempt(), False),
    ],
)
def test_a_server_that_says_it_was_too_many_slows_everybody_down(
    tmp_path: Path, clock: Clock, attempt: Callable[[], Attempt], waits: bool
) -> None:
    one, other = (DatabasePace(tmp_path, is_urgent=True) for _ in range(2))
    one.ended(ASSET, attempt())
    assert (other.turn(ASSET, 1) is not None) == waits
    clock.now += 10_000
    assert DatabasePace(tmp_path, is_urgent=True).turn(ASSET, 1) is None


def test_an_account_without_limits_waits_as_long_as_the_server_wants_nothing_of_it(
    tmp_path: Path, clock: Clock
) -> None:
    one, other = (DatabasePace(tmp_path, is_urgent=True) for _ in range(2))
    one.ended(ASSET, refused(450, "4.7.1 Error: too much mail, slow down: rate exceeded"))
    assert seconds(other.turn(ASSET, 1)) == pytest.approx(60.0)
    clock.now += 20  # of the database; this process has asked a moment ago
    assert seconds(other.turn(ASSET, 1)) == pytest.approx(40.0)
    clock.now += 41
    assert other.turn(ASSET, 1) is None


def test_a_direct_run_of_an_account_that_is_to_slow_down_sends_nothing_meanwhile(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "PATIENCE", 0.5)
    with ScriptedServer() as server:
        fields = asset(server)
        assert run("send_email", fields, *mails(1)).succeeded
        account = parse_asset(fields, "", load())
        DatabasePace(run.home, is_urgent=True).ended(account, refused(450, "4.7.1 slow down: rate exceeded"))
        done = run("send_email", fields, *mails(1))
    assert (done.data["outcome"], done.failure["step"]) == ("not sent", "pace")
    assert len(server.log.accepted) == 1


def test_a_direct_run_waits_for_its_turn_and_says_so(run: Runner) -> None:
    with ScriptedServer() as server:
        fields = asset(server, messages_per_minute=60)
        started = time.monotonic()
        done = run("send_email", fields, *mails(12))
        took = time.monotonic() - started
    assert done.succeeded
    assert len(server.log.accepted) == 12
    assert took >= 1.9
    assert any("the account may send 60 messages a minute" in text for text in done.progress)


def test_whose_turn_does_not_come_in_a_minute_is_not_sent_and_told_when(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "PATIENCE", 0.5)
    with ScriptedServer() as server:
        done = run("send_email", asset(server, messages_per_minute=6), *mails(2))
    assert [one["data"][0]["outcome"] for one in done.results] == ["sent", "not sent"]
    failure = done.results[1]["data"][0]["failure"]
    assert (failure["step"], failure["category"], failure["retryable"]) == ("pace", "temporary", True)
    assert 8 < failure["retry_after"] <= 10


def test_a_worker_keeps_to_the_limit_and_no_mail_is_given_up_for_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "PATIENCE", 0.3)
    with ScriptedServer() as server:
        add_asset(home, server, messages_per_minute=60)
        submitted = submit(home, mails(14))
        started = time.monotonic()
        run = worked(home, submitted)
        took = time.monotonic() - started
    assert {mail.state for mail in run.mails} == {"sent"}
    assert took >= 3.9


def test_a_worker_that_waits_for_a_turn_stops_at_once(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server, messages_per_minute=1)
        submit(home, mails(3))
        with Working(home):
            wait_until(lambda: len(server.log.accepted) == 1)
            time.sleep(0.3)
            started = time.monotonic()
        assert time.monotonic() - started < 20
    assert sorted(states(home.folder)) == ["sent", "waiting", "waiting"]


def test_whoever_waits_for_a_connection_is_seen_and_a_killed_one_is_not(tmp_path: Path) -> None:
    slots = MachineSlots(tmp_path)
    assert not slots.is_wanted(ASSET)
    first, second = slots.wait(ASSET), slots.wait(ASSET)
    wait_until(lambda: slots.is_wanted(ASSET))  # a server is not asked before every message
    first.free()
    assert slots.is_wanted(ASSET)
    second.free()
    wait_until(lambda: not slots.is_wanted(ASSET))


SEND = """
import json, sys
from smtp_connector import act
print([one.outcome for one in act("send email", {"to": "now@example.com", "body": "x"}, json.loads(sys.argv[1]))])
"""


def test_a_direct_run_gets_a_connection_that_a_worker_has(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.02)) as server:
        add_asset(home, server, max_connections=1)
        number = number_of(submit(home, mails(400)))
        with Working(home):
            wait_until(lambda: len(server.log.accepted) > 3)
            told = start(SEND, json.dumps(asset(server, max_connections=1))).finish().stdout
            state = home.runs.state_of(number)
    assert (told, state) == ("['sent']\n", "running")
