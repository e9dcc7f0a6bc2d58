"""For how long runs are kept, what outlives that, and what a person decides about."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actions.contract import Report
from delivery.pool import Pool
from doors.cli.command_line import main
from host.local import durable
from host.local.files import StoreError
from host.local.home import HOME_VARIABLE, Home
from host.local.results import KEEP_DAYS
from tests.durable.working import mails, number_of, submit
from tests.support.ledgers import BCC, SENT, Written, attempt, everything_in, mail, states
from tests.support.running import Runner, asset
from tests.support.scripted import Fault, Kind, ScriptedServer, Settings, Step

NO_REPLY = {"code": None, "enhanced_code": "", "reply": "", "retryable": False}
KEYED = {"to": "jane@example.com", "body": "marker-body", "idempotency_key": "incident-1"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return Home(tmp_path / "home")


def left_unknown(home: Home, *sets: dict[str, Any]) -> None:
    """A run that was interrupted while its first mail was being sent."""
    written = Written(home.folder)
    written.ledger.begin(sets or [mail()])
    written.ledger.committing([attempt(1)])
    written.ledger.end()


def aged(home: Home, days: float) -> None:
    """Let everything in the folder be so many days older."""
    with closing(sqlite3.connect(home.folder / "store.db")) as connection, connection:
        for table, column in (("run", "kept_since"), ("mail", "committed_at")):
            connection.execute(
                f"UPDATE {table} SET {column} = strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '-{days} days')"
                f" WHERE {column} != ''"
            )


def test_runs_are_kept_for_thirty_days(home: Home) -> None:
    Written(home.folder).whole(mail())
    aged(home, 29)
    assert len(home.runs.list()) == 1
    aged(home, 2)
    assert home.runs.list() == ()
    assert states(home.folder) == []


def test_how_long_is_a_setting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    Written(home.folder).whole(mail())
    monkeypatch.setenv(KEEP_DAYS, "100")
    aged(home, 99)
    assert len(home.runs.list()) == 1
    monkeypatch.setenv(KEEP_DAYS, "90")
    assert home.runs.prune().runs == 1


@pytest.mark.parametrize("setting", ["-1", "soon", "nan", "99999999"])
def test_a_setting_that_is_no_number_of_days_is_said_before_anything_is_sent(
    home: Home, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(KEEP_DAYS, setting)
    with pytest.raises(StoreError, match="give a number of days from 0 to"):
        Written(home.folder).ledger.begin([mail()])


def test_nothing_is_kept_where_nothing_is_to_be_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_DAYS, "0")
    Written(home.folder).whole(mail())
    assert states(home.folder) == []
    assert home.runs.list() == ()


def test_a_cancelled_run_is_kept_for_a_day_where_nothing_is_to_be_kept_since_it_can_be_resumed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEP_DAYS, "0")
    home.assets.add("prod", {"server": "127.0.0.1", "ssl_config": "None", "sender_address": "me@example.com"})
    number = number_of(submit(home, mails(2)))
    durable.cancel(home, number)
    assert [entry.state for entry in home.runs.list()] == ["cancelled"]
    assert durable.resume(home, number) == 2
    durable.cancel(home, number)
    aged(home, 1.1)
    assert home.runs.list() == ()


def test_what_is_unknown_is_kept_until_a_person_has_resolved_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEEP_DAYS, "0")
    left_unknown(home, mail(), mail())
    assert states(home.folder) == ["unknown"]
    assert home.runs.get(1).parameters == [mail()]
    home.runs.resolve(1, 1, was_sent=True)
    assert home.runs.list() == ()


def test_a_key_outlives_its_run_and_goes_after_thirty_days(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(run.home)
    monkeypatch.setenv(KEEP_DAYS, "0")
    with ScriptedServer() as server:
        first = run("send_email", asset(server), KEYED)
        again = run("send_email", asset(server), KEYED)
        assert (again.data["repeated"], again.data["message_id"]) == (True, first.data["message_id"])
        assert home.runs.list() == ()
        assert states(run.home) == ["sent"]
        aged(home, 31)
        home.runs.prune()
        assert states(run.home) == []
        assert not run("send_email", asset(server), KEYED).data["repeated"]
    assert len(server.log.accepted) == 2


def test_old_runs_go_at_most_once_a_day_when_another_one_ends(home: Home) -> None:
    Written(home.folder).whole(mail())
    aged(home, 31)
    Written(home.folder).whole(mail())
    assert len(states(home.folder)) == 2
    (home.folder / "pruned").unlink()
    Written(home.folder).whole(mail())
    assert len(states(home.folder)) == 2


def test_what_a_person_says_was_sent_is_sent(home: Home) -> None:
    left_unknown(home)
    entry = home.runs.resolve(1, 1, was_sent=True)
    assert (entry.position, entry.state) == (1, "sent")
    (result,) = home.runs.get(1).result["result_data"]
    assert (result["status"], result["message"], result["data"][0]["outcome"]) == (
        "success",
        "Email sent",
        "sent",
    )
    assert "a person resolved it as sent" in result["data"][0]["warnings"][-1]


def test_what_a_person_says_may_be_sent_again_leaves_its_key(run: Runner) -> None:
    home = Home(run.home)
    with ScriptedServer(Settings(fault=Fault(Step.END, Kind.CLOSE))) as server:
        assert run("send_email", asset(server), KEYED).data["outcome"] == "unknown"
        assert home.runs.resolve(1, 1, was_sent=False).state == "not sent"
        done = run("send_email", asset(server), KEYED)
    assert (done.data["outcome"], done.data["repeated"]) == ("sent", False)


@pytest.mark.parametrize("was_sent", [True, False])
def test_what_repeated_an_unknown_result_is_resolved_with_it_and_not_by_itself(
    run: Runner, was_sent: bool
) -> None:
    home = Home(run.home)
    closing_at_end = Settings(fault=Fault(Step.END, Kind.CLOSE))
    with ScriptedServer(closing_at_end) as server, ScriptedServer(closing_at_end) as another:
        for _ in range(3):
            assert run("send_email", asset(server), KEYED).data["outcome"] == "unknown"
        run("send_email", asset(another), KEYED)
        with pytest.raises(StoreError, match=r"mail 1 of run 1, which has its idempotency key") as error:
            home.runs.resolve(3, 1, was_sent=was_sent)
        assert "\n" not in str(error.value)
        assert states(run.home) == ["unknown"] * 4
        home.runs.resolve(1, 1, was_sent=was_sent)
        assert states(run.home) == ["sent" if was_sent else "not sent"] * 3 + ["unknown"]
        assert home.runs.unknown() == ((4, 1),)
        done = run("send_email", asset(server), KEYED)
    assert done.data["repeated"] == was_sent


@pytest.mark.parametrize(
    ("known", "was_sent", "state", "message", "accepted"),
    [
        (
            "refused",
            True,
            "partly sent",
            "Email sent to 1 of 2 recipients; refused: bob@example.com (550 no)",
            1,
        ),
        ("refused", False, "not sent", "Nothing was sent. Nobody knew whether it was sent", 0),
        ("accepted", True, "sent", "Email sent", 2),
        ("accepted", False, "partly sent", "Email sent to 1 of 2 recipients; not tried: jane@example.com", 1),
    ],
)
def test_what_is_resolved_says_of_each_recipient_what_is_known(
    home: Home, known: str, was_sent: bool, state: str, message: str, accepted: int
) -> None:
    written = Written(home.folder)
    reply = (
        {"code": 550, "enhanced_code": "", "reply": "no", "retryable": False}
        if known == "refused"
        else NO_REPLY
    )
    recipients = [
        {"address": "jane@example.com", "status": "unknown", **NO_REPLY},
        {"address": "bob@example.com", "status": known, **reply},
    ]
    data = {"outcome": "unknown", "recipients": recipients, "warnings": [], "failure": {"step": "end"}}
    summary = {"recipients": 2, "accepted": int(known == "accepted"), "refused": int(known == "refused")}
    written.whole(mail(), report=Report(False, "It may have been delivered.", [data], summary))
    assert home.runs.resolve(1, 1, was_sent=was_sent).state == state
    (result,) = home.runs.get(1).result["result_data"]
    assert result["status"] == ("failed" if state == "not sent" else "success")
    assert result["message"].startswith(message)
    assert result["data"][0]["outcome"] == state
    assert result["summary"] == {**summary, "accepted": accepted}
    assert ("failure" in result["data"][0]) == (state != "sent")


def test_only_what_is_unknown_can_be_resolved(home: Home) -> None:
    Written(home.folder).whole(mail())
    with pytest.raises(StoreError, match=r"Mail 1 of run 1 is sent\. Only an unknown one can be resolved"):
        home.runs.resolve(1, 1, was_sent=False)
    with pytest.raises(StoreError, match="no mail 2 of a recorded run 1"):
        home.runs.resolve(1, 2, was_sent=False)


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["runs", *arguments], Pool()) == 0
    return capsys.readouterr().out


def test_a_run_is_exported_as_json_lines_and_as_csv(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    refused = Report(False, 'Nothing was sent, "really"\n', [{"outcome": "not sent", "recipients": []}], {})
    Written(home.folder).whole(mail(idempotency_key="k"), report=SENT)
    Written(home.folder).whole(mail(), report=refused)
    (line,) = command(capsys, "export", "1").splitlines()
    exported = json.loads(line)
    assert list(exported) == [
        "position",
        "key",
        "message_id",
        "recipients",
        "outcome",
        "message",
        "attempts",
        "finished_at",
    ]
    assert (exported["position"], exported["key"], exported["outcome"], exported["attempts"]) == (
        1,
        "k",
        "sent",
        1,
    )
    assert (exported["recipients"], exported["message"]) == ([BCC], SENT.message)
    header, row = csv.reader(command(capsys, "export", "2", "--format", "csv").splitlines(keepends=True))
    assert header == list(exported)
    assert (row[0], row[4], row[5]) == ("1", "not sent", 'Nothing was sent, "really"\n')


def test_a_mail_that_was_only_shown_is_exported_too(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    shown = ["preview", "--asset", "prod", "--to", "jane@example.com", "--body", "x"]
    home.assets.add("prod", {"server": "mail.example.com", "sender_address": "soc@example.com"})
    assert main(shown, Pool()) == 0
    capsys.readouterr()
    exported = json.loads(command(capsys, "export", "1"))
    assert (exported["recipients"], exported["outcome"]) == (["jane@example.com"], "not sent")


def test_the_commands_say_what_they_did(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    left_unknown(home)
    shown = json.loads(command(capsys, "show", "1"))
    assert (shown["state"], shown["mails"][0]["state"]) == ("ended", "unknown")
    assert json.loads(command(capsys, "resolve", "1", "1", "--as", "send-again"))["state"] == "not sent"
    assert json.loads(command(capsys, "prune")) == {"runs": 0, "mails": 0}
    assert main(["runs", "export", "5"], Pool()) == 2
    assert "There is no recorded run 5." in capsys.readouterr().err
    assert BCC.encode() not in everything_in(home.folder)
