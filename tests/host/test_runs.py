"""Recorded runs: light to record, and neither lost nor doubled on their way into the database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host.local import spool
from host.local.files import StoreError
from host.local.home import Home
from host.local.spool import RecordedRun
from tests.host.processes import python, start

RUN = RecordedRun(
    action="send email",
    asset="prod",
    container_id="7",
    parameters=[{"to": "jane@example.com", "body": "ü \ud800"}],
    status="success",
    message="Email sent",
    result={"status": "success", "result_data": [{"data": [{"size": 5}]}]},
    start_time="2026-01-01T00:00:00.000000Z",
    end_time="2026-01-01T00:00:01.000000Z",
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def test_a_run_is_given_back_as_it_was(home: Home) -> None:
    home.record(RUN)
    (entry,) = home.runs.list()
    assert (entry.action, entry.status, entry.message) == ("send email", "success", "Email sent")
    assert home.runs.get(entry.id) == RUN


def test_the_latest_run_comes_first(home: Home) -> None:
    for number in range(3):
        home.record(replace(RUN, message=f"run {number}"))
    home.runs.list()
    home.record(replace(RUN, message="run 3"))
    assert [entry.message for entry in home.runs.list()] == ["run 3", "run 2", "run 1", "run 0"]
    assert [entry.message for entry in home.runs.list(limit=2)] == ["run 3", "run 2"]


def test_an_unknown_run_is_named(home: Home) -> None:
    with pytest.raises(StoreError, match="There is no recorded run 5"):
        home.runs.get(5)


def test_a_run_is_read_once_and_its_spool_file_is_gone(home: Home) -> None:
    home.record(RUN)
    assert len(home.runs.list()) == len(home.runs.list()) == 1
    assert list((home.folder / "spool").iterdir()) == []


def test_a_crash_after_the_commit_does_not_double_a_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    home.record(RUN)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            home.runs.list()
    assert len(list((home.folder / "spool").iterdir())) == 1
    assert len(Home(home.folder).runs.list()) == 1
    assert list((home.folder / "spool").iterdir()) == []


def test_a_crash_before_the_commit_does_not_lose_a_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(paths: list[Path]) -> Any:
        yield from list(spool_read(paths))
        raise KeyboardInterrupt

    spool_read = spool.read
    home.record(RUN)
    with monkeypatch.context() as patched:
        patched.setattr(spool, "read", crash)
        with pytest.raises(KeyboardInterrupt):
            home.runs.list()
    assert len(Home(home.folder).runs.list()) == 1


def test_a_damaged_record_does_not_hide_the_others(home: Home) -> None:
    home.record(RUN)
    for name, content in (
        ("1.json", b""),
        ("2.json", b"{"),
        ("3.json", b"{}"),
        ("4.json", b"[]"),
        ("5.json", b"\xff"),
    ):
        (home.folder / "spool" / name).write_bytes(content)
    assert len(home.runs.list()) == 1
    assert len(list((home.folder / "spool").iterdir())) == 5


RECORD = """
import sys
from dataclasses import replace
from pathlib import Path
from host.local.home import Home
from tests.host.test_runs import RUN
home = Home(Path(sys.argv[1]))
for turn in range(20):
    home.record(replace(RUN, message=f"{sys.argv[2]} {turn}"))
    if turn % 5 == 0:
        home.runs.list()
"""


def test_processes_that_record_and_read_at_once_lose_and_double_nothing(home: Home) -> None:
    started = [start(RECORD, home.folder, number) for number in range(4)]
    assert [one.finish().stderr for one in started] == [""] * 4
    messages = [entry.message for entry in home.runs.list()]
    assert sorted(messages) == sorted(f"{number} {turn}" for number in range(4) for turn in range(20))


def test_recording_loads_no_database(home: Home) -> None:
    done = python(
        "import sys; from pathlib import Path; from tests.host.test_runs import RUN\n"
        "from host.local.home import Home\n"
        "Home(Path(sys.argv[1])).record(RUN)\n"
        "print([name for name in ('sqlalchemy', 'sqlite3', 'cryptography', 'filelock') if name in sys.modules])",
        home.folder,
    )
    assert done.stdout.strip() == "[]"


def test_a_record_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="data folder"):
        Home(tmp_path / "file").record(RUN)
