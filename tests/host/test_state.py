"""What is remembered for an asset: whole or not at all, and locked between processes and threads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from host.local.files import StoreError
from host.local.home import FileState, Home
from tests.host.processes import python, start


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def test_nothing_is_remembered_at_first(home: Home) -> None:
    assert home.state("1").load() == {}


def test_what_was_saved_is_loaded_by_another(home: Home) -> None:
    home.state("1").save({"token": "first"})
    home.state("1").save({"token": "second", "expires": 5.5})
    assert Home(home.folder).state("1").load() == {"token": "second", "expires": 5.5}


def test_assets_do_not_share_their_state(home: Home) -> None:
    for asset_id in ("1", "01", "../1", "A", "a", "1\0", "\ud800", "x" * 5000):
        home.state(asset_id).save({"mine": asset_id})
    for asset_id in ("1", "01", "../1", "A", "a", "1\0", "\ud800", "x" * 5000):
        assert home.state(asset_id).load() == {"mine": asset_id}
    assert {path.parent for path in home.folder.rglob("*.state")} == {home.folder / "state"}


def test_what_was_removed_is_gone(home: Home) -> None:
    home.state("1").save({"token": "x"})
    home.state("1").remove()
    home.state("1").remove()
    assert home.state("1").load() == {}


def test_a_damaged_state_is_named_and_left_alone(home: Home) -> None:
    home.state("1").save({"token": "x"})
    (path,) = home.folder.rglob("*.state")
    path.write_bytes(b"gAAAA")
    with pytest.raises(StoreError, match=r"remembered for the asset 1 .* can't be decrypted"):
        home.state("1").load()
    assert path.read_bytes() == b"gAAAA"


def test_a_thread_may_take_the_lock_again(home: Home) -> None:
    with home.state("1").lock(), home.state("1").lock():
        home.state("1").save({"token": "x"})
    with home.state("1").lock():
        assert home.state("1").load() == {"token": "x"}


def test_another_thread_waits(home: Home) -> None:
    seen = []

    def add() -> None:
        for _ in range(20):
            with home.state("1").lock():
                count = home.state("1").load().get("count", 0)
                home.state("1").save({"count": count + 1})
        seen.append(count)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert home.state("1").load() == {"count": 80}
    assert max(seen) == 79


def test_assets_do_not_wait_for_each_other(home: Home) -> None:
    with home.state("1").lock():
        worker = threading.Thread(target=lambda: home.state("2").lock().__enter__() and None)
        worker.start()
        worker.join(5)
        assert not worker.is_alive()


HOLD = """
import sys, time
from pathlib import Path
from host.local.home import Home
with Home(Path(sys.argv[1])).state("1").lock():
    print("locked", flush=True)
    time.sleep(60)
"""


def test_who_waits_too_long_is_told(home: Home) -> None:
    holder = start(HOLD, home.folder)
    try:
        assert holder.process.stdout is not None
        assert holder.process.stdout.readline() == "locked\n"
        with (
            pytest.raises(
                StoreError, match=r"Another run has been using .* the asset 1 for more than 0\.2 s"
            ),
            FileState(home.folder, "1", lock_timeout=0.2).lock(),
        ):
            pytest.fail("two have the lock")
    finally:
        holder.process.kill()
        holder.finish()


def test_a_lock_ends_with_the_process_that_was_killed(home: Home) -> None:
    holder = start(HOLD, home.folder)
    assert holder.process.stdout is not None
    holder.process.stdout.readline()
    holder.process.kill()
    holder.finish()
    with FileState(home.folder, "1", lock_timeout=5).lock():
        home.state("1").save({"token": "x"})


COUNT = """
import sys
from pathlib import Path
from host.local.home import Home
state = Home(Path(sys.argv[1])).state("1")
for turn in range(10):
    with state.lock():
        state.save({"count": state.load().get("count", 0) + 1})
"""


def test_processes_do_not_overwrite_each_other(home: Home) -> None:
    started = [start(COUNT, home.folder) for _ in range(6)]
    assert [one.finish().stderr for one in started] == [""] * 6
    assert home.state("1").load() == {"count": 60}


KILLED_WHILE_SAVING = """
import os, sys
from pathlib import Path
from host.local.home import Home
state = Home(Path(sys.argv[1])).state("1")
print("ready", flush=True)
while True:
    state.save({"one": "x" * 100000, "two": "x" * 100000})
"""


def test_a_process_killed_while_saving_leaves_a_whole_state(home: Home) -> None:
    home.state("1").save({"one": "", "two": ""})
    for _ in range(5):
        writer = start(KILLED_WHILE_SAVING, home.folder)
        assert writer.process.stdout is not None
        writer.process.stdout.readline()
        writer.process.kill()
        writer.finish()
        state = home.state("1").load()
        assert state["one"] == state["two"]


def test_loading_a_state_needs_no_database(home: Home) -> None:
    done = python(
        "import sys; from pathlib import Path; from host.local.home import Home\n"
        "state = Home(Path(sys.argv[1])).state('1')\n"
        "with state.lock(): state.save({'x': 1})\n"
        "print(state.load(), 'sqlalchemy' in sys.modules)",
        home.folder,
    )
    assert done.stdout.strip() == "{'x': 1} False"
