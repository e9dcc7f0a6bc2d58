"""The data folder as a whole: what is private, what survives damage, and what several processes may do at once."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from host.local import database, sql
from host.local.files import StoreError
from host.local.home import HOME_VARIABLE, Home, Homes
from tests.host.processes import python, start
from tests.support.ledgers import Written, mail

CONFIG = {"server": "mail.example.com", "password": "canary-password", "client_key": "canary-key"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


def test_the_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "elsewhere"))
    assert Home().folder == tmp_path / "elsewhere"


def test_without_a_name_it_is_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Home().folder.name == "smtp-connector"


def test_looking_at_a_home_makes_nothing(tmp_path: Path) -> None:
    assert not Home(tmp_path / "data").exists
    assert list(tmp_path.iterdir()) == []


def test_folder_and_files_are_their_owners_alone(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    home.assets.add("prod", CONFIG)
    home.vault.add(tmp_path / "file")
    home.state("1").save({"token": "x"})
    assert mode(home.folder) == 0o700
    open_to_others = [path for path in home.folder.rglob("*") if mode(path) & 0o077]
    assert open_to_others == []


def test_no_secret_lies_in_clear(home: Home) -> None:
    home.assets.add("prod", CONFIG)
    home.state("1").save({"refresh_token": "canary-token"})
    assert b"canary" not in everything_in(home.folder)


def test_a_damaged_key_is_named_and_nothing_is_lost(home: Home) -> None:
    home.assets.add("prod", CONFIG)
    key = home.folder / "secret.key"
    whole = key.read_bytes()
    for damaged in (b"", whole[:20], b"\0" * 44, whole + b"=="):
        key.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"key file .*secret\.key is damaged"):
            Home(home.folder).assets.get("prod")
    key.write_bytes(whole)
    assert Home(home.folder).assets.get("prod").config == CONFIG


def test_a_lost_key_is_not_replaced_by_a_new_one(home: Home) -> None:
    home.assets.add("prod", CONFIG)
    (home.folder / "secret.key").unlink()
    with pytest.raises(StoreError, match=r"secret\.key is missing"):
        Home(home.folder).assets.add("other", CONFIG)
    with pytest.raises(StoreError, match=r"secret\.key is missing"):
        home.state("1").save({"token": "x"})
    assert not (home.folder / "secret.key").exists()


def test_another_key_is_told_at_once_and_nothing_is_written_with_it(home: Home, tmp_path: Path) -> None:
    """What was written with it could be read by nobody who has the right one."""
    home.assets.add("prod", CONFIG)
    other = Home(tmp_path / "other")
    other.assets.add("x", {})
    key = home.folder / "secret.key"
    right, before = key.read_bytes(), (home.folder / "store.db").read_bytes()
    key.write_bytes((other.folder / "secret.key").read_bytes())
    for use in (
        lambda h: h.assets.get("prod"),
        lambda h: h.assets.add("new", CONFIG),
        lambda h: h.runs.list(),
    ):
        with pytest.raises(StoreError, match=r"secret\.key is not the key that .*store\.db is used with"):
            use(Home(home.folder))
    assert (home.folder / "store.db").read_bytes() == before
    key.write_bytes(right)
    assert Home(home.folder).assets.get("prod").config == CONFIG


@pytest.mark.parametrize("content", [b"", b"not a database, though long enough to be read as one" * 100])
def test_a_damaged_database_is_named_and_left_alone(home: Home, content: bytes) -> None:
    home.assets.add("prod", CONFIG)
    database = home.folder / "store.db"
    database.write_bytes(content)
    for use in (lambda h: h.assets.list(), lambda h: h.assets.add("new", CONFIG)):
        with pytest.raises(StoreError, match=r"store\.db is damaged .* Nothing was changed"):
            use(Home(home.folder))
    assert database.read_bytes() == content


def test_a_truncated_database_is_named(home: Home) -> None:
    for number in range(200):
        home.assets.add(f"asset {number}", CONFIG)
    database = home.folder / "store.db"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    with pytest.raises(StoreError, match=r"store\.db is damaged"):
        Home(home.folder).assets.list()


def test_the_database_of_a_newer_program_is_left_alone(home: Home) -> None:
    home.assets.add("prod", CONFIG)
    import sqlite3

    with sqlite3.connect(home.folder / "store.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="made by a newer version"):
        Home(home.folder).assets.list()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"data folder .*file/data can't be made: Not a directory"):
        Home(tmp_path / "file" / "data").assets.list()


# As a user without root's rights, whom the mode of a folder stops.
AS_NOBODY = """
import os, sys
from pathlib import Path
from host.local.home import Home
import host.local.assets, host.local.files, cryptography.fernet, filelock, sqlalchemy.dialects.sqlite
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
home = Home(Path(sys.argv[1]))
try:
    home.assets.add("new", {})
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        done = python(AS_NOBODY, folder)
    assert done.stdout.startswith("StoreError")
    assert "Permission denied" in done.stdout
    assert folder in done.stdout


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from host.local.home import Home
import host.local.recorded_runs, host.local.spool, cryptography.fernet, sqlalchemy.dialects.sqlite
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
runs = Home(Path(sys.argv[1])).runs
(entry,) = runs.list()
print(entry.id, entry.state, runs.get(1).mails[0].state)
"""


def test_runs_are_read_where_nothing_can_be_written() -> None:
    with TemporaryDirectory() as place:
        folder = Path(place) / "data"
        Written(folder).whole(mail())
        for path in folder.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        folder.chmod(0o555)
        Path(place).chmod(0o755)
        before = sorted(folder.iterdir())
        done = python(READ_AS_NOBODY, str(folder))
        assert (done.stdout, done.stderr) == ("1 ended sent\n", "")
        assert sorted(folder.iterdir()) == before


FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from host.local.files import StoreError
from host.local.home import Home
home = Home(Path(sys.argv[1]))
home.assets.add("first", {"server": "a"})
home.state("1").save({"token": "old"})
size = (home.folder / "store.db").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # half of a compiled module would stay behind
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
for use in (lambda: [home.assets.add(f"asset {n}", {"x": "y" * 5000}) for n in range(20)],
            lambda: home.state("1").save({"token": "n" * 2 * size})):
    try:
        use()
        print("no error")
    except StoreError as error:
        print("StoreError", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(home.assets.get("first").config, home.state("1").load(), len(home.assets.list()) < 21)
"""


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    lines = python(FILL_THE_DISK, tmp_path / "data").stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["StoreError", "StoreError"]
    assert lines[2] == "{'server': 'a'} {'token': 'old'} True"
    assert list((tmp_path / "data").rglob("*.tmp")) == []


BEGIN_AT_ONCE = """
import sys
from pathlib import Path
from host.local.home import Home
home, number = Home(Path(sys.argv[1])), sys.argv[2]
for turn in range(5):
    home.assets.add(f"asset {number} {turn}", {"password": number})
print(sorted(home.assets.get(f"asset {number} {turn}").config["password"] for turn in range(5)))
"""


def test_twelve_processes_may_begin_a_folder_at_once(tmp_path: Path) -> None:
    started = [start(BEGIN_AT_ONCE, tmp_path / "data", number) for number in range(12)]
    done = [one.finish() for one in started]
    assert [one.stderr for one in done] == [""] * 12
    assert [one.stdout.strip() for one in done] == [str([str(number)] * 5) for number in range(12)]
    assert len(Home(tmp_path / "data").assets.list()) == 60
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "secret.key",
        "store.db",
        "store.lock",
    ]


def test_a_relative_folder_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home(Path("data"))
    os.chdir("/")
    assert home.folder == tmp_path / "data"


def test_a_new_database_does_not_hang_on_what_closing_it_writes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk a database with a write-ahead log is closed without an error, and its file is not written."""
    never_closed = []

    def opened(path: Path) -> sqlite3.Connection:
        never_closed.append(sql.opened(path))
        return never_closed[-1]

    monkeypatch.setattr(database, "opened", opened)
    monkeypatch.setattr(database, "closing", nullcontext)
    database.connect(home.folder).close()
    assert home.runs.list() == ()
    for connection in never_closed:
        connection.close()


def test_a_process_has_one_home_for_each_folder_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = Homes()
    for place in ("one", "two"):
        folder = tmp_path / place
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv(HOME_VARIABLE, "data")  # which depends on where the process is
        home = homes["data"]
        assert home.folder == folder / "data"
        assert homes["data"] is home
        monkeypatch.setenv(HOME_VARIABLE, str(folder / "data"))
        assert homes[str(folder / "data")] is home
