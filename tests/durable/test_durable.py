"""Durable runs: whole in the database before anybody is told, and sent once, whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from delivery.pool import Pool
from host.local import durable, files, holders, results
from host.local.durable import Order, Submitted
from host.local.files import StoreError
from host.local.home import Home
from host.local.inputs import InputError
from host.local.locks import Held
from host.local.results import KEEP_DAYS, Pruned
from host.local.retry import Patience
from host.local.rows import Row
from host.local.work import DurableRun
from host.local.worker import Worker, work_on
from host.manifest.model import load
from tests.durable.working import (
    AT_ONCE,
    LIMIT,
    Working,
    add_asset,
    let_time_pass,
    mails,
    number_of,
    rows_in,
    submit,
    wait_until,
    worked,
)
from tests.host.processes import python, start
from tests.support.ledgers import everything_in, states
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step


def test_what_is_submitted_is_sent_and_each_mail_has_its_row(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, mails(45))
        assert (submitted.rows, submitted.refused) == (45, ())
        assert len(server.log.accepted) == 0
        run = worked(home, submitted)
    assert sorted(one.recipients[0] for one in server.log.accepted) == sorted(
        f"r{n}@example.com" for n in range(45)
    )
    assert server.log.connections <= 3
    assert (run.entry.state, run.entry.status, run.entry.message) == (
        "ended",
        "success",
        "45 of 45 succeeded",
    )
    assert {mail.state for mail in run.mails} == {"sent"}
    assert all(mail.attempts == 1 and mail.committed_at and mail.finished_at for mail in run.mails)
    assert rows_in(home, "SELECT * FROM due") == []


def test_a_bad_row_is_refused_with_its_line_and_does_not_hold_up_the_others(home: Home) -> None:
    text = "".join(
        f"{line}\n"
        for line in (
            json.dumps(mails(1)[0]),
            '{"to": 5, "body": "x"}',
            "{broken",
            "",
            json.dumps({"to": "not an address", "body": "x"}),
            json.dumps({"to": "jane@example.com", "body": "x", "attachments": "0" * 40}),
            json.dumps({"to": "jane@example.com", "body": "x", "subjekt": "x"}),
            json.dumps(mails(2)[1]),
        )
    )
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, text)
        assert [refused.line for refused in submitted.refused] == [2, 3, 5, 6, 7]
        assert "to: 5 is not allowed" in submitted.refused[0].message
        assert "not JSON" in submitted.refused[1].message
        assert "0000" in submitted.refused[3].message
        run = worked(home, submitted)
    assert [one.recipients for one in server.log.accepted] == [("r0@example.com",), ("r1@example.com",)]
    assert len(run.mails) == submitted.rows == 2


def test_with_all_or_nothing_a_bad_row_keeps_everything_out(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, [*mails(600), {"to": 5}, {"to": 6}], all_or_nothing=True)
    assert (submitted.run_id, submitted.rows, submitted.refusals) == (None, 0, 2)
    assert (
        rows_in(home, "SELECT id FROM run UNION SELECT run_id FROM mail UNION SELECT run_id FROM due") == []
    )


SUBMIT_AND_DIE = """
import os, sys
from host.local import durable
from host.local.home import Home
from host.local.rows import Row
from host.manifest.model import load
def rows():
    for n in range(1200):
        yield Row(n, {"to": f"r{n}@example.com", "body": "x"})
    os.kill(os.getpid(), 9)
durable.submit(durable.Order(load().action("send email"), "prod"), rows(), Home())
"""


def test_a_run_that_was_not_submitted_to_its_end_is_dropped_and_nothing_of_it_is_sent(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        assert python(SUBMIT_AND_DIE).returncode == -9
        assert rows_in(home, "SELECT state FROM run") == [("submitting",)]
        submitted = submit(home, mails(1))
        worked(home, submitted)
    assert len(server.log.accepted) == 1
    assert [entry.id for entry in home.runs.list()] == [submitted.run_id]
    assert rows_in(home, "SELECT DISTINCT run_id FROM mail") == [(submitted.run_id,)]


def test_a_run_that_is_submitted_while_somebody_looks_for_abandoned_ones_is_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "PIECE", 1)
    is_alive, began, may_end = holders.is_alive, threading.Event(), threading.Event()
    done: list[Submitted] = []

    def rows() -> Iterator[Row]:
        yield from (Row(n, mail) for n, mail in enumerate(mails(3), 1))
        began.set()
        assert may_end.wait(LIMIT)

    def asked_late(folder: Path, holder: str) -> bool:
        """Between the look for what was not submitted to its end, and the question whether it ever will be."""
        may_end.set()
        submitting.join(LIMIT)
        return is_alive(folder, holder)

    with ScriptedServer() as server:
        add_asset(home, server)
        order = Order(load().action("send email"), "prod")
        submitting = threading.Thread(target=lambda: done.append(durable.submit(order, rows(), home)))
        submitting.start()
        assert began.wait(LIMIT)
        monkeypatch.setattr(holders, "is_alive", asked_late)
        home.runs.list()
        assert [entry.id for entry in home.runs.list()] == [done[0].run_id]
        worked(home, done[0])
    assert len(server.log.accepted) == 3


def test_a_run_that_was_dropped_before_it_was_submitted_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "PIECE", 1)
    monkeypatch.setattr(holders, "is_alive", lambda _folder, _holder: False)

    def rows() -> Iterator[Row]:
        yield from (Row(n, mail) for n, mail in enumerate(mails(2), 1))
        home.runs.list()  # by somebody who takes this process for gone

    with ScriptedServer() as server:
        add_asset(home, server)
        with pytest.raises(StoreError, match="was dropped by another process"):
            durable.submit(Order(load().action("send email"), "prod"), rows(), home)
    assert (
        rows_in(home, "SELECT id FROM run UNION SELECT run_id FROM mail UNION SELECT run_id FROM due") == []
    )


def test_what_was_asked_lies_nowhere_in_clear_and_large_bodies_go_when_they_are_sent(home: Home) -> None:
    canary = "canary-body "
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, mails(2, body=canary * 1000, bcc="canary-bcc@example.com"))
        assert b"canary" not in everything_in(home.folder)
        run = worked(home, submitted)
        assert b"canary" not in everything_in(home.folder)
    assert run.parameters[0]["body"]["size"] == len(canary) * 1000
    assert canary.encode() in server.log.accepted[0].content


def test_a_key_field_names_each_rows_idempotency_key(home: Home) -> None:
    sets = [{**mail, "id": f"incident {n // 2}"} for n, mail in enumerate(mails(4))]
    for one in sets[1::2]:
        one["to"] = sets[sets.index(one) - 1]["to"]
    with ScriptedServer() as server:
        add_asset(home, server)
        run = worked(home, submit(home, sets, key_field="id"))
        again = worked(home, submit(home, sets, key_field="id"))
        lacking = submit(home, mails(1), key_field="id")
    assert len(server.log.accepted) == 2
    assert [mail.state for mail in (*run.mails, *again.mails)] == ["sent"] * 8
    assert all(one["data"][0]["repeated"] for one in again.result["result_data"])
    assert [row["key"] for row in home.runs.export(run.entry.id)] == ["incident 0"] * 2 + ["incident 1"] * 2
    assert "every row has its key there" in lacking.refused[0].message


def test_a_mail_that_was_refused_for_a_while_is_sent_later_with_the_same_message_id(home: Home) -> None:
    fault = Fault(Step.END, Kind.SAYS, reply=b"451 4.3.0 later\r\n", acted=False, times=2)
    with ScriptedServer(Settings(fault=fault)) as server:
        add_asset(home, server)
        submitted = submit(home, mails(1))
        (mail,) = worked(home, submitted).mails
        message_id = message_from_bytes(server.log.accepted[0].content)["Message-ID"]
    assert (mail.state, mail.attempts) == ("sent", 3)
    assert mail.message_id == message_id


def test_only_recipients_that_were_refused_for_a_while_are_tried_again(home: Home) -> None:
    fault = Fault(Step.RCPT, Kind.SAYS, nth=2, reply=b"450 4.2.1 later\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server:
        add_asset(home, server)
        submitted = submit(home, mails(1, cc="two@example.com, three@example.com"))
        run = worked(home, submitted)
    assert [one.recipients for one in server.log.accepted] == [
        ("r0@example.com", "three@example.com"),
        ("two@example.com",),
    ]
    first, second = (message_from_bytes(one.content) for one in server.log.accepted)
    assert first["Cc"] == second["Cc"]
    assert first["Message-ID"] == second["Message-ID"]
    (result,) = run.result["result_data"]
    assert result["message"] == "Email sent"
    assert result["summary"] == {"recipients": 3, "accepted": 3, "refused": 0}
    assert [one["status"] for one in result["data"][0]["recipients"]] == ["accepted"] * 3


def test_a_recipient_that_was_refused_for_good_is_not_tried_again_and_stays_in_the_result(home: Home) -> None:
    fault = Fault(Step.RCPT, Kind.SAYS, nth=1, reply=b"550 5.1.1 no such user\r\n", acted=False)
    with ScriptedServer(Settings(fault=fault)) as server:
        add_asset(home, server)
        run = worked(home, submit(home, mails(1, cc="two@example.com")))
    assert [one.recipients for one in server.log.accepted] == [("two@example.com",)]
    assert run.mails[0].state == "partly sent"
    assert "r0@example.com (550 5.1.1 no such user)" in run.result["result_data"][0]["message"]


def test_it_is_given_up_after_five_tries(home: Home) -> None:
    fault = Fault(Step.RCPT, Kind.SAYS, reply=b"451 4.3.0 later\r\n", times=100)
    with ScriptedServer(Settings(fault=fault)) as server:
        add_asset(home, server)
        run = worked(home, submit(home, mails(1)))
        rcpts = sum(command.upper().startswith(b"RCPT") for _number, command in server.log.commands)
    assert (run.mails[0].state, run.entry.status, rcpts) == ("not sent", "failed", 5)
    assert "451 4.3.0 later" in run.result["result_data"][0]["message"]


def test_a_run_that_may_not_take_longer_gives_up_earlier(home: Home) -> None:
    fault = Fault(Step.RCPT, Kind.SAYS, reply=b"451 4.3.0 later\r\n", times=100)
    with ScriptedServer(Settings(fault=fault)) as server:
        add_asset(home, server)
        submitted = submit(home, mails(1), give_up_after=30.0)
        run = worked(home, submitted, Patience(), hurries=False)
    assert (run.mails[0].state, run.mails[0].attempts) == ("not sent", 0)


def test_an_unknown_mail_is_not_tried_again_until_a_person_says_so(home: Home) -> None:
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE, acted=False))) as server:
        add_asset(home, server)
        submitted = submit(home, mails(1, body="x" * 5000))
        number = number_of(submitted)
        assert worked(home, submitted).mails[0].state == "unknown"
        assert server.log.accepted == []
        home.runs.resolve(number, 1, was_sent=False)
        run = worked(home, submitted)
    assert run.mails[0].state == "sent"
    assert len(server.log.accepted) == 1


def test_a_paused_run_waits_and_a_cancelled_one_can_be_resumed(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, mails(5))
        number = number_of(submitted)
        durable.pause(home, number)
        other = submit(home, mails(1))
        worked(home, other)
        assert (len(server.log.accepted), home.runs.state_of(number)) == (1, "paused")
        assert durable.cancel(home, number) == 5
        assert states(home.folder)[:5] == ["cancelled"] * 5
        with pytest.raises(StoreError, match=f"Run {number} is cancelled: it can't be paused"):
            durable.pause(home, number)
        assert durable.resume(home, number) == 5
        run = worked(home, submitted)
    assert (len(server.log.accepted), run.entry.message) == (6, "5 of 5 succeeded")


@pytest.mark.parametrize("stop", [durable.pause, durable.cancel])
def test_a_run_that_is_resumed_begins_no_earlier_than_it_was_to(
    home: Home, stop: Callable[[Home, int], object]
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        number = number_of(submit(home, mails(2), not_before="2999-01-01T00:00:00.000000Z"))
        stop(home, number)
        assert durable.resume(home, number) == 2
        worked(home, submit(home, mails(1)))
    assert len(server.log.accepted) == 1
    assert states(home.folder) == ["waiting", "waiting", "sent"]


def test_a_run_that_is_cancelled_while_it_is_sent_ends_with_what_is_in_flight(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.02)) as server:
        add_asset(home, server)
        submitted = submit(home, mails(400))
        number = number_of(submitted)
        with Working(home):
            wait_until(lambda: len(server.log.accepted) > 3)
            durable.cancel(home, number)
            wait_until(lambda: set(states(home.folder)) == {"sent", "cancelled"})
        sent = len(server.log.accepted)
    assert 3 < sent < 400
    assert states(home.folder).count("sent") == sent
    entry = home.runs.entry(number)
    assert (entry.state, entry.status) == ("cancelled", "failed")


def test_what_a_worker_has_of_a_cancelled_run_is_not_let_go_before_its_result_is_known(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEP_DAYS, "0")
    with ScriptedServer(Settings(end_delay=1.0)) as server:
        add_asset(home, server, max_connections=1)
        number = number_of(submit(home, mails(3)))
        with Working(home):
            wait_until(lambda: "committed" in states(home.folder))
            durable.cancel(home, number)
            assert home.runs.prune().mails == 0
            assert "committed" in states(home.folder)
            wait_until(lambda: rows_in(home, "SELECT 1 FROM due") == [])
    assert states(home.folder).count("sent") == len(server.log.accepted) > 0
    monkeypatch.setattr(results, "RESUMABLE_DAYS", 0.0)  # a day later
    assert home.runs.prune() == Pruned(1, 3)


def test_what_reached_some_recipients_before_its_run_was_cancelled_is_partly_sent_and_keeps_its_key(
    home: Home,
) -> None:
    sets = mails(1, cc="two@example.com", idempotency_key="incident-1")
    with ScriptedServer(Settings(refused={"two@example.com": "450 4.2.1 later"})) as server:
        add_asset(home, server)
        number = number_of(submit(home, [*sets, *mails(1, to="two@example.com")]))
        worker = Worker(home, Pool(), lambda _text: None)
        worker.run(lambda: rows_in(home, "SELECT tries FROM due WHERE holder = ''") == [(1,), (1,)])
        assert durable.cancel(home, number) == 2
        assert states(home.folder) == ["partly sent", "cancelled"]
        again = worked(home, submit(home, sets))
        assert durable.resume(home, number) == 1
    assert [one.recipients for one in server.log.accepted] == [("r0@example.com",)]
    assert again.result["result_data"][0]["data"][0]["repeated"]
    assert states(home.folder) == ["partly sent", "waiting", "partly sent"]


def test_the_more_urgent_run_of_a_mailbox_goes_first(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server, max_connections=1)
        later = submit(home, mails(3, subject="later"))
        submit(home, mails(3, subject="urgent"), priority=5)
        worked(home, later)
    subjects = [message_from_bytes(one.content)["Subject"] for one in server.log.accepted]
    assert subjects == ["urgent"] * 3 + ["later"] * 3


def test_nothing_is_sent_before_its_time(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submit(home, mails(1, subject="tomorrow"), not_before="2999-01-01T00:00:00.000000Z")
        worked(home, submit(home, mails(1, subject="now")))
    assert [message_from_bytes(one.content)["Subject"] for one in server.log.accepted] == ["now"]
    assert sorted(states(home.folder)) == ["sent", "waiting"]


def test_an_account_that_is_gone_is_said_and_its_mails_are_not_sent(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submitted = submit(home, mails(2))
        home.assets.remove("prod")
        run = worked(home, submitted)
    assert [mail.state for mail in run.mails] == ["not sent"] * 2
    assert "There is no asset 'prod'" in run.result["result_data"][0]["message"]


def test_only_a_stored_asset_and_an_action_that_sends_can_be_submitted(home: Home) -> None:
    with pytest.raises(StoreError, match="There is no asset 'prod'"):
        submit(home, mails(1))
    with ScriptedServer() as server:
        add_asset(home, server)
        with pytest.raises(InputError, match="can't be submitted"):
            submit(home, [{}], action=load().action("test connectivity"))


def test_how_far_it_has_come_is_told(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.02)) as server:
        add_asset(home, server)
        number = number_of(submit(home, mails(300)))
        with Working(home):
            wait_until(lambda: len(server.log.accepted) > 20)
            progress = home.runs.entry(number).progress
    assert progress is not None
    assert progress.total == sum(progress.counts.values()) == 300
    assert 0 < progress.done < 300
    assert progress.rate > 0
    assert progress.seconds_left is not None
    assert progress.seconds_left > 0


WORK = """
import sys
from smtp_connector import POOL
from doors.cli.command_line import main
sys.exit(main(["worker"], POOL))
"""


def test_a_signal_lets_a_worker_finish_what_is_in_flight_and_another_one_does_the_rest(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.02)) as server:
        add_asset(home, server)
        submitted = submit(home, mails(150))
        first, second = start(WORK), start(WORK)
        wait_until(lambda: len(server.log.accepted) > 10)
        for process in (first, second):
            process.process.send_signal(signal.SIGTERM)
        assert [first.finish().returncode, second.finish().returncode] == [0, 0]
        assert 10 < len(server.log.accepted) < 150
        assert set(states(home.folder)) == {"sent", "waiting"}
        assert states(home.folder).count("sent") == len(server.log.accepted)
        assert rows_in(home, "SELECT DISTINCT holder FROM due") == [("",)]
        worked(home, submitted)
    assert len({one.recipients for one in server.log.accepted}) == len(server.log.accepted) == 150


def test_one_worker_works_and_another_takes_over_when_it_is_killed(home: Home) -> None:
    with ScriptedServer(Settings(delay=0.02)) as server:
        add_asset(home, server)
        number = number_of(submit(home, mails(150)))
        first = start(WORK)
        wait_until(lambda: len(server.log.accepted) > 10)
        with Working(home) as standing_by:
            wait_until(lambda: bool(standing_by.told))
            assert standing_by.told == ["Another worker works on this data folder; standing by."]
            assert not standing_by.worker.health.is_working
            os.kill(first.process.pid, signal.SIGKILL)
            wait_until(lambda: home.runs.state_of(number) == "ended")
        first.finish()
    came = [one.recipients[0] for one in server.log.accepted]
    assert len(set(came)) == len(came)
    told = states(home.folder)
    assert set(told) <= {"sent", "unknown"}
    assert told.count("unknown") <= 3
    assert told.count("sent") <= len(came) <= told.count("sent") + told.count("unknown")


def test_what_a_killed_worker_had_is_told_as_it_is_although_no_other_one_comes(home: Home) -> None:
    with ScriptedServer(Settings(end_delay=1.0)) as server:
        add_asset(home, server, max_connections=1)
        number = number_of(submit(home, mails(2)))
        only = start(WORK)
        wait_until(lambda: "committed" in states(home.folder))
        os.kill(only.process.pid, signal.SIGKILL)
        only.finish()
        if files.is_server():  # which notices when the connection has ended
            wait_until(lambda: home.runs.unknown() != ())
        run = home.runs.get(number)
        assert sorted(mail.state for mail in run.mails) == ["unknown", "waiting"]
        (position,) = (mail.position for mail in run.mails if mail.state == "unknown")
        assert home.runs.resolve(number, position, was_sent=True).state == "sent"


def test_a_database_that_cannot_be_used_for_a_while_is_said_and_does_not_end_the_worker(
    home: Home, tmp_path: Path
) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        with Working(home) as working:
            wait_until(lambda: working.worker.health.is_working)
            database = home.folder / "store.db"
            database.rename(tmp_path / "aside")
            database.mkdir()
            wait_until(lambda: bool(working.worker.health.fault))
            database.rmdir()
            (tmp_path / "aside").rename(database)
            number = number_of(submit(home, mails(1)))
            wait_until(lambda: home.runs.state_of(number) == "ended")
            assert working.worker.health.fault == ""
        assert "store.db" in working.told[0]
    assert len(server.log.accepted) == 1


def test_a_worker_that_was_stopped_before_it_began_does_nothing(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
        submit(home, mails(1))
        worker = Worker(home, Pool(), lambda _text: None, patience=AT_ONCE)
        worker.stop()
        worker.run()
    assert server.log.connections == 0


class StoppedAt:
    """A worker that is stopped by a signal before the line of this number: its handler comes between two lines."""

    def __init__(self, home: Home, number: int) -> None:
        self._worker = Worker(home, Pool(), lambda _text: None)
        self._files = (threading.__file__, Worker.run.__code__.co_filename)
        self._lines_left = number
        self._looks_left = 3

    def run(self) -> None:
        sys.settrace(self._trace)
        self._worker.run(self._is_over)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            if self._lines_left == 0:
                self._worker.stop()
            self._lines_left -= 1
        return self._trace

    def _is_over(self) -> bool:
        self._looks_left -= 1
        return self._looks_left < 0


def test_a_signal_at_any_moment_ends_a_worker(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.local.worker.LOOK_AGAIN", 0.01)
    for number in range(60):
        thread = threading.Thread(target=StoppedAt(home, number).run, daemon=True)
        thread.start()
        thread.join(LIMIT)
        assert not thread.is_alive(), number


def test_what_nobody_foresaw_is_told_in_a_line_and_the_mails_are_sent_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistakes = [ZeroDivisionError("7 of 0")]

    def fails_once(run: DurableRun, holder: Held, *arguments: Any) -> int:
        if mistakes:
            holder.free(remove=True)
            raise mistakes.pop()
        return work_on(run, holder, *arguments)

    monkeypatch.setattr("host.local.worker.work_on", fails_once)
    told: list[str] = []
    with ScriptedServer() as server:
        add_asset(home, server)
        number = number_of(submit(home, mails(2)))

        def is_over() -> bool:
            let_time_pass(home)
            return home.runs.state_of(number) == "ended"

        Worker(home, Pool(), told.append).run(is_over)
    assert len(server.log.accepted) == 2
    (line,) = told
    assert line.startswith(f"Run {number}: It ended because of an unexpected error (ZeroDivisionError at ")
    assert "7 of 0" not in line


def test_what_is_in_the_way_of_every_mail_is_told_once(home: Home) -> None:
    with ScriptedServer() as server:
        add_asset(home, server)
    told: list[str] = []
    number = number_of(submit(home, mails(30)))
    worker = Worker(home, Pool(), told.append, patience=Patience(waits=()))  # each mail is tried once
    worker.run(lambda: home.runs.state_of(number) == "ended")
    assert told
    assert all(line.startswith(f"Run {number}: Nothing was sent, at step connection with ") for line in told)
    assert len(told) <= 3, "one line, or as many as there are sessions"
