"""The ledger of a run: there before anything is connected, and true at every moment, whatever ends the process."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actions.contract import Report
from host.local.files import StoreError
from host.local.home import Home
from message.compose import Draft
from tests.host.processes import python, start
from tests.support.ledgers import BCC, BODY, SENT, Written, attempt, everything_in, mail, states
from tests.support.running import asset
from tests.support.scripted import ScriptedServer

NOT_SENT = Report(False, "Nothing was sent.", [{"outcome": "not sent"}], {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_run_is_there_before_anything_is_connected(folder: Path) -> None:
    Written(folder).ledger.begin([mail(), mail()])
    assert states(folder) == ["claimed", "claimed"]
    (entry,) = Home(folder).runs.list()
    assert (entry.state, entry.action, entry.asset, entry.container_id) == (
        "running",
        "send email",
        "prod",
        "7",
    )


def test_a_mail_is_committed_before_and_finished_after_it_is_sent(folder: Path) -> None:
    written = Written(folder)
    written.ledger.begin([mail(), mail(), mail()])
    written.ledger.committing([attempt(1), attempt(2)])
    assert states(folder) == ["committed", "committed", "claimed"]
    written.ledger.finished(1, SENT)
    written.ledger.finished(2, NOT_SENT)
    assert states(folder) == ["sent", "not sent", "claimed"]


def test_what_has_no_result_when_the_run_ends_is_unknown_if_it_was_committed_and_else_not_sent(
    folder: Path,
) -> None:
    written = Written(folder)
    written.ledger.begin([mail(), mail()])
    written.ledger.committing([attempt(1)])
    written.ledger.end()
    assert states(folder) == ["unknown", "not sent"]
    (entry,) = Home(folder).runs.list()
    assert (entry.state, entry.status, entry.message) == ("ended", "failed", "The run was interrupted.")


def test_what_was_asked_and_answered_is_given_back(folder: Path) -> None:
    Written(folder).whole(mail(), mail(subject="ü \ud800"))
    run = Home(folder).runs.get(1)
    assert run.parameters == [mail(), mail(subject="ü \ud800")]
    assert run.result["status"] == "success"
    assert [one["message"] for one in run.result["result_data"]] == [SENT.message] * 2
    assert [one["parameter"]["bcc"] for one in run.result["result_data"]] == [BCC] * 2
    assert [one.state for one in run.mails] == ["sent", "sent"]
    assert all(one.message_id.endswith("@example.com>") and one.attempts == 1 for one in run.mails)


def test_nothing_of_it_lies_in_clear_in_any_file_at_any_moment(folder: Path) -> None:
    written = Written(folder)
    seen = []
    written.ledger.begin([mail()])
    seen.append(everything_in(folder))
    written.ledger.committing([attempt(1)])
    seen.append(everything_in(folder))
    written.ledger.finished(1, SENT)
    seen.append(everything_in(folder))
    written.ledger.end()
    seen.append(everything_in(folder))
    assert all(BCC.encode() not in octets and BODY.encode() not in octets for octets in seen)


def test_the_message_id_of_a_mail_is_on_the_disk_before_it_is_sent(folder: Path) -> None:
    written = Written(folder)
    written.ledger.begin([mail()])
    sending = attempt(1)
    written.ledger.committing([sending])
    assert sending.message is not None
    (entry,) = Home(folder).runs.get(1).mails
    assert entry.message_id == sending.message.message_id


def test_mails_of_folders_that_share_a_key_have_message_ids_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_KEY_FILE", str(tmp_path / "shared.key"))
    found = []
    for name in ("one", "another"):
        ledger = Written(tmp_path / name).ledger
        ledger.begin([mail()])
        first, again = (
            ledger.prepared(1, given) for given in (attempt(1).outgoing, attempt(1).outgoing) if given
        )
        assert isinstance(first, Draft)
        assert isinstance(again, Draft)
        assert first.unique == again.unique, "it stays the same within its run"
        found.append(first.unique)
        ledger.end()
    assert found[0] != found[1]


@pytest.mark.parametrize(("setting", "is_whole"), [("", False), ("full", True)])
def test_a_large_content_is_recorded_as_its_size_and_digest_unless_all_is_wanted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, setting: str, is_whole: bool
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_RECORD", setting)
    large = "ü" * 2049
    asked = mail(body=large, html_body="x" * 4096, raw_email="y" * 5000, to=["a@example.com"] * 500)
    Written(folder).whole(asked)
    (parameters,) = Home(folder).runs.get(1).parameters
    if is_whole:
        assert parameters == asked
    else:
        assert parameters["body"] == {"size": 4098, "sha256": hashlib.sha256(large.encode()).hexdigest()}
        assert parameters["raw_email"]["size"] == 5000
        assert (parameters["html_body"], parameters["to"]) == (asked["html_body"], asked["to"])


def test_several_threads_write_into_one_run(folder: Path) -> None:
    written = Written(folder)
    written.ledger.begin([mail()] * 60)

    def send(first: int) -> None:
        for position in range(first, 61, 3):
            written.ledger.committing([attempt(position)])
            written.ledger.finished(position, SENT)

    threads = [threading.Thread(target=send, args=(first,)) for first in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written.ledger.end()
    assert states(folder) == ["sent"] * 60
    assert written.told == []


def test_a_run_that_cannot_be_written_down_is_refused_and_leaves_nothing(folder: Path) -> None:
    Written(folder).whole(mail())
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON mail BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        with pytest.raises(StoreError, match="disk full"):
            Written(folder).ledger.begin([mail()])
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
    assert list((folder / "holders").iterdir()) == []


def test_a_mail_that_cannot_be_committed_is_refused(folder: Path) -> None:
    written = Written(folder)
    written.ledger.begin([mail(), mail()])
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON mail BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        with pytest.raises(StoreError, match="disk full"):
            written.ledger.committing([attempt(1)])
        assert states(folder) == ["claimed", "claimed"]
        connection.execute("DROP TRIGGER full")
    written.ledger.committing([attempt(2)])
    assert states(folder) == ["claimed", "committed"]


def test_on_a_disk_that_is_full_nothing_more_is_sent_and_what_was_is_told(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_CONNECTOR_HOME", str(folder))
    mails = [{"to": f"r{n}@example.com", "body": "x" * 3000} for n in range(30)]
    counts = []
    for octets in (65_536, 180_000, 250_000):  # of which a file may have no more
        shutil.rmtree(folder, ignore_errors=True)
        with ScriptedServer() as server:
            fields = tmp_path / "asset.json"
            fields.write_text(json.dumps(asset(server)))
            done = python(
                RUN_ON_A_FULL_DISK,
                octets,
                "run",
                "send email",
                "--asset",
                fields,
                "--params",
                json.dumps(mails),
            )
        assert "Traceback" not in done.stderr
        assert "store.db can't be used" in done.stderr
        outcomes = (
            [one["data"][0]["outcome"] for one in json.loads(done.stdout)["result_data"]]
            if done.stdout
            else []
        )
        assert done.returncode == (1 if "sent" in outcomes else 2)
        assert outcomes.count("sent") == len(server.log.accepted)
        assert set(outcomes) <= {"sent", "not sent"}
        counts.append(len(server.log.accepted))
    assert counts[0] == 0
    assert 0 < counts[-1] < 30


@pytest.mark.parametrize("is_replaced", [False, True], ids=["gone", "another one in its place"])
def test_when_the_data_folder_is_removed_nothing_more_is_sent_and_it_is_said(
    folder: Path, is_replaced: bool
) -> None:
    written = Written(folder)
    written.ledger.begin([mail(), mail()])
    written.ledger.committing([attempt(1)])
    shutil.rmtree(folder)
    if is_replaced:
        Home(folder).runs.list()
    with pytest.raises(StoreError, match=r"store\.db was removed or exchanged while it was in use"):
        written.ledger.committing([attempt(2)])
    written.ledger.finished(1, SENT)
    written.ledger.end()
    assert [text for text in written.told if "was removed or exchanged" in text]
    if is_replaced:
        assert Home(folder).runs.list() == ()


def test_a_result_that_cannot_be_written_is_told_and_written_with_the_next_one(folder: Path) -> None:
    written = Written(folder)
    written.ledger.begin([mail(), mail()])
    with closing(sqlite3.connect(folder / "store.db", isolation_level=None)) as connection:
        written.ledger.committing([attempt(1), attempt(2)])
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON mail BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        written.ledger.finished(1, SENT)
        assert states(folder) == ["committed", "committed"]
        connection.execute("DROP TRIGGER full")
    written.ledger.finished(2, SENT)
    assert states(folder) == ["sent", "sent"]
    (told,) = written.told
    assert told.startswith("The result of mail 1 could not be recorded yet.")
    assert "disk full" in told


RUN_ON_A_FULL_DISK = """
import resource, signal, sys
octets = int(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))
from delivery.pool import Pool
from doors.cli.command_line import main
sys.exit(main(sys.argv[2:], Pool()))
"""


BEGIN_AND_DIE = """
import os, sys
from pathlib import Path
from tests.support.ledgers import SENT, Written, attempt, mail
written = Written(Path(sys.argv[1]))
written.ledger.begin([mail(), mail(), mail()])
written.ledger.committing([attempt(1), attempt(2)])
written.ledger.finished(1, SENT)
if len(sys.argv) > 2:
    print("ready", flush=True)
    sys.stdin.read()
os.kill(os.getpid(), 9)
"""


def test_a_process_that_is_killed_leaves_the_truth(folder: Path) -> None:
    assert python(BEGIN_AND_DIE, folder).returncode == -9
    assert states(folder) == ["sent", "committed", "claimed"]
    run = Home(folder).runs.get(1)
    assert (run.entry.state, run.entry.status) == ("cut off", "failed")
    assert run.entry.message == "The process that ran it ended before the run did."
    assert [one.state for one in run.mails] == ["sent", "unknown", "not sent"]
    sent, unknown, rest = run.result["result_data"]
    assert sent["message"] == SENT.message
    assert unknown["message"].startswith("The message may have been delivered and was not retried")
    (data,) = unknown["data"]
    assert (data["outcome"], data["message_id"]) == ("unknown", run.mails[1].message_id)
    assert {one["address"]: one["status"] for one in data["recipients"]} == {
        "jane@example.com": "unknown",
        BCC: "unknown",
    }
    assert rest["message"] == "Nothing was sent. The run ended before this was begun."
    assert list((folder / "holders").iterdir()) == []


def test_a_run_of_a_process_that_lives_is_left_alone(folder: Path) -> None:
    other = start(BEGIN_AND_DIE, folder, "wait")
    assert other.process.stdout is not None
    assert other.process.stdout.readline() == "ready\n"
    assert [entry.state for entry in Home(folder).runs.list()] == ["running"]
    assert states(folder) == ["sent", "committed", "claimed"]
    other.process.kill()
    other.finish()
    assert [entry.state for entry in Home(folder).runs.list()] == ["cut off"]


def test_a_forked_child_does_not_hold_its_parents_runs(folder: Path) -> None:
    child_of = (
        "import os, sys, time\nfrom pathlib import Path\nfrom tests.support.ledgers import Written, mail\n"
        "written = Written(Path(sys.argv[1]))\nwritten.ledger.begin([mail()])\n"
        "if os.fork() == 0:\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "time.sleep(60)"
    )
    parent = start(child_of, folder)
    assert parent.process.stdout is not None
    assert parent.process.stdout.readline() == "ready\n"
    parent.process.kill()
    parent.process.wait()
    assert [entry.state for entry in Home(folder).runs.list()] == ["cut off"]
    parent.process.stdout.close()
    assert parent.process.stderr is not None
    parent.process.stderr.close()


def test_recording_loads_no_large_library(folder: Path) -> None:
    Written(folder).whole(mail())
    done = python(
        "import json, sys; from pathlib import Path; from tests.support.ledgers import Written, mail\n"
        "Written(Path(sys.argv[1])).whole(mail())\n"
        "print(json.dumps([name for name in ('sqlalchemy', 'alembic', 'filelock', 'msal') if name in sys.modules]))",
        folder,
    )
    assert json.loads(done.stdout) == []


def test_a_run_finds_the_database_open_that_the_one_before_it_left(folder: Path) -> None:
    home = Home(folder)
    first = home.databases.take()
    home.databases.give_back(first)
    assert home.databases.take().connection is first.connection
    assert home.databases.take().connection is not first.connection  # which two runs do not share


def another_file(folder: Path) -> None:
    (folder / "store.db").rename(folder / "old.db")
    Written(folder).whole(mail())
    assert len(states(folder)) == 1


def another_key(folder: Path) -> None:
    key = (folder / "secret.key").read_bytes()
    (folder / "secret.key").unlink()
    (folder / "secret.key").write_bytes(key)


def a_newer_version(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA user_version = 99")


def no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("change", [another_file, another_key, a_newer_version, no_folder])
def test_a_database_under_which_something_has_changed_is_opened_anew(
    folder: Path, change: Callable[[Path], None]
) -> None:
    home = Home(folder)
    first = home.databases.take()
    home.databases.give_back(first)
    change(folder)
    if change is a_newer_version:
        with pytest.raises(StoreError, match="was made by a newer version"):
            home.databases.take()
    else:
        again = home.databases.take()
        assert again.connection is not first.connection
        again.connection.execute("SELECT count(*) FROM mail")


def test_a_database_that_nobody_uses_is_closed_and_leaves_nothing_beside_it(folder: Path) -> None:
    home = Home(folder)
    for _ in range(3):
        home.databases.give_back(home.databases.take())
    assert (folder / "store.db-wal").exists()
    deadline = time.monotonic() + 30
    while (folder / "store.db-wal").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sorted(path.name for path in folder.iterdir()) == ["secret.key", "store.db", "store.lock"]
    home.databases.give_back(home.databases.take())
    home.databases.close()
    assert not (folder / "store.db-wal").exists()


LEAVE_IT_OPEN = """
import os, sys
from pathlib import Path
from host.local.home import Home
home = Home(Path(sys.argv[1]))
first = home.databases.take()
home.databases.give_back(first)
if len(sys.argv) > 2 and (child := os.fork()):
    os.waitpid(child, 0)
    print(home.databases.take().connection is first.connection)
elif len(sys.argv) > 2:
    home.databases.close()
    again = home.databases.take()
    print(again.connection is first.connection, again.connection.execute("SELECT count(*) FROM mail").fetchone())
"""


def test_when_the_process_ends_nothing_is_left_beside_the_database(folder: Path) -> None:
    assert python(LEAVE_IT_OPEN, folder).stderr == ""
    assert sorted(path.name for path in folder.iterdir()) == ["secret.key", "store.db", "store.lock"]


def test_a_forked_child_leaves_what_is_open_to_its_parent(folder: Path) -> None:
    done = python(LEAVE_IT_OPEN, folder, "fork")
    assert (done.stdout.splitlines(), done.stderr) == (["False (0,)", "True"], "")


def test_one_ledger_writes_run_after_run_each_with_its_own_result(folder: Path) -> None:
    written = Written(folder)
    for _ in range(3):
        written.whole(mail())
    assert [(one.status, one.message) for one in Home(folder).runs.list()] == [("success", SENT.message)] * 3
