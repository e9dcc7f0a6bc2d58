"""Recorded runs as they are read, and the ones that version 1 left in its spool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actions.contract import Report
from host.local import spool
from host.local.files import StoreError
from host.local.home import Home
from tests.host.processes import start
from tests.support.ledgers import BODY, Written, everything_in, mail, states

RUN = {
    "action": "send email",
    "asset": "prod",
    "container_id": "7",
    "parameters": [{"to": "jane@example.com", "body": f"ü \ud800 {BODY}"}],
    "status": "success",
    "message": "Email sent",
    "result": {
        "identifier": "send_email",
        "status": "success",
        "message": "Email sent",
        "result_data": [
            {
                "data": [{"outcome": "sent", "message_id": "<1@example.com>", "size": 5}],
                "status": "success",
                "message": "Email sent",
                "parameter": {"to": "jane@example.com", "body": f"ü \ud800 {BODY}"},
                "summary": {},
            }
        ],
        "result_summary": {"total_objects": 1, "total_objects_successful": 1},
    },
    "start_time": "2026-01-01T00:00:00.000000Z",
    "end_time": "2026-01-01T00:00:01.000000Z",
}
"""What version 1 wrote of a run."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def left(home: Home, name: str = "1", record: dict[str, Any] | None = None) -> Path:
    """A file in the spool of version 1."""
    path = home.folder / "spool" / f"{name}.json"
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_text(json.dumps(record or RUN))
        except FileNotFoundError:
            continue  # another process has taken in the spool, and removed its folder, in between
        return path


def test_the_latest_run_comes_first(home: Home) -> None:
    for number in range(4):
        report = Report(True, f"run {number}", [{"outcome": "sent"}], {})
        Written(home.folder).whole(mail(), report=report)
    assert [entry.message for entry in home.runs.list()] == ["run 3", "run 2", "run 1", "run 0"]
    assert [entry.message for entry in home.runs.list(limit=2)] == ["run 3", "run 2"]


def test_an_unknown_run_is_named(home: Home) -> None:
    with pytest.raises(StoreError, match="There is no recorded run 5"):
        home.runs.get(5)


def test_a_run_of_the_spool_is_taken_in_as_it_was_and_its_file_is_gone(home: Home) -> None:
    home.runs.list()
    left(home)
    (entry,) = home.runs.list()
    assert (entry.action, entry.asset, entry.status, entry.message, entry.state, entry.start_time) == (
        "send email",
        "prod",
        "success",
        "Email sent",
        "ended",
        RUN["start_time"],
    )
    run = home.runs.get(entry.id)
    assert (run.parameters, run.result) == (RUN["parameters"], RUN["result"])
    assert [(one.state, one.message_id) for one in run.mails] == [("sent", "<1@example.com>")]
    assert not (home.folder / "spool").exists()
    assert BODY.encode() not in everything_in(home.folder)


def test_a_set_of_the_spool_without_a_result_is_unknown(home: Home) -> None:
    home.runs.list()
    left(home, record={**RUN, "parameters": [{"to": "a"}, {"to": "b"}]})
    home.runs.list()
    assert states(home.folder) == ["sent", "unknown"]


def test_a_crash_after_the_commit_does_not_double_a_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    home.runs.list()
    left(home)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            home.runs.list()
    assert (home.folder / "spool" / "1.json").exists()
    assert len(Home(home.folder).runs.list()) == 1
    assert not (home.folder / "spool").exists()


def test_a_crash_before_the_commit_does_not_lose_a_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*arguments: Any) -> None:
        insert(*arguments)
        raise KeyboardInterrupt

    insert = spool.insert
    home.runs.list()
    left(home)
    with monkeypatch.context() as patched:
        patched.setattr(spool, "insert", crash)
        with pytest.raises(KeyboardInterrupt):
            home.runs.list()
    assert states(home.folder) == []
    assert len(Home(home.folder).runs.list()) == 1


def test_a_damaged_record_is_told_once_and_kept_aside_and_does_not_hide_the_others(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.runs.list()
    left(home, "6")
    half = json.dumps(RUN)[:300].encode()
    assert BODY.encode() in half
    damaged = {"1": b"", "2": half, "3": b"{}", "4": b"[]", "5": b"\xff"}
    for name, content in damaged.items():
        (home.folder / "spool" / f"{name}.json").write_bytes(content)
    assert len(home.runs.list()) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" is damaged")[0] for line in told] == [
        f"The recorded run {name}.json" for name in damaged
    ]
    assert sorted(path.stem for path in (home.folder / "spool" / "damaged").iterdir()) == sorted(damaged)
    assert BODY.encode() not in everything_in(home.folder)
    assert len(home.runs.list()) == 1
    assert capsys.readouterr().err == ""


WRITE_AND_READ = """
import sys
from pathlib import Path
from actions.contract import Report
from host.local.home import Home
from tests.support.ledgers import Written, mail
from tests.host.test_recorded_runs import RUN, left
home = Home(Path(sys.argv[1]))
for turn in range(10):
    name = f"{sys.argv[2]} {turn}"
    if turn % 2:
        Written(home.folder).whole(mail(), report=Report(True, name, [{"outcome": "sent"}], {}))
    else:
        left(home, name, {**RUN, "message": name})
    if turn % 5 == 0:
        home.runs.list()
"""


def test_processes_that_record_and_read_at_once_lose_and_double_nothing(home: Home) -> None:
    started = [start(WRITE_AND_READ, home.folder, number) for number in range(4)]
    assert [one.finish().stderr for one in started] == [""] * 4
    messages = [entry.message for entry in home.runs.list()]
    assert sorted(messages) == sorted(f"{number} {turn}" for number in range(4) for turn in range(10))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="data folder"):
        Written(tmp_path / "file").ledger.begin([mail()])
