"""`backup` and `restore`: the data folder in one file, taken while it is in use, and put back whole or not at all."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from delivery.pool import Pool
from doors.cli.command_line import main
from doors.cli.terminal import PROGRAM
from host.local.files import KEY_VARIABLE
from host.local.home import HOME_VARIABLE, Home
from host.local.people.audit import Audit
from host.local.people.database import PeopleDatabase
from host.local.people.roles import Person, Role
from host.local.people.sessions import Sessions
from host.local.people.users import Users

FIELDS = {"server": "mx", "password": "canary"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str, code: int = 0) -> tuple[Any, str]:
        assert main(argv, Pool()) == code
        out, err = capsys.readouterr()
        return json.loads(out) if out else None, err

    return run


def fill(folder: Path) -> str:
    """A data folder with an asset, its token and a file; returns the file's vault id."""
    home = Home(folder)
    asset_id = home.assets.add("prod", FIELDS)
    home.state(asset_id).save({"oauth": {"token": "t"}})
    (folder / "a.txt").write_text("hello")
    return home.vault.add(folder / "a.txt").vault_id


def restored(call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Home:
    monkeypatch.setenv(HOME_VARIABLE, str(folder / "other"))
    call("restore", "b.tar.gz")
    return Home()


def test_everything_comes_back(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault_id = fill(folder / "data")
    done, err = call("backup", "b.tar.gz")
    assert (folder / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    assert done["size"] == (folder / "b.tar.gz").stat().st_size
    assert "It holds the key: whoever has b.tar.gz can read the secrets" in err
    home = restored(call, monkeypatch, folder)
    assert home.assets.get("prod").config == FIELDS
    assert home.state("1").load() == {"oauth": {"token": "t"}}
    assert home.vault.find(vault_id).path.read_text() == "hello"
    modes = {path.stat().st_mode & 0o077 for path in [home.folder, *home.folder.rglob("*")]}
    assert modes == {0}, "nobody else can read it"


def test_a_key_that_lies_elsewhere_stays_there(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(folder / "elsewhere.key"))
    fill(folder / "data")
    _, err = call("backup", "b.tar.gz")
    assert f"The key of the data folder is not in it: keep {folder / 'elsewhere.key'} apart from it." in err
    key = (folder / "elsewhere.key").read_bytes()
    with tarfile.open(folder / "b.tar.gz") as archive:
        for entry in archive:
            assert key not in archive.extractfile(entry).read()
    assert restored(call, monkeypatch, folder).assets.get("prod").config == FIELDS


def test_it_is_one_moment_of_a_folder_in_use(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "data")
    has_written, stop = threading.Event(), threading.Event()

    def write() -> None:
        home, count = Home(folder / "data"), 0
        while not stop.is_set():
            count += 1
            home.assets.add(f"asset {count}", {"server": str(count)})
            has_written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert has_written.wait(30)
        call("backup", "b.tar.gz")
    finally:
        stop.set()
        writer.join()
    names = {entry.name for entry in restored(call, monkeypatch, folder).assets.list()}
    assert names == {"prod", *(f"asset {count}" for count in range(1, len(names)))}


def test_nothing_is_written_over(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder / "data")
    (folder / "b.tar.gz").write_text("mine")
    assert "is there already; it was left as it is" in call("backup", "b.tar.gz", code=2)[1]
    assert (folder / "b.tar.gz").read_text() == "mine"
    call("backup", "c.tar.gz")
    _, err = call("restore", "c.tar.gz", code=2)
    assert err.startswith(
        f"{PROGRAM}: The data folder {folder / 'data'} is not empty, and nothing in it was changed."
    )


def test_there_is_nothing_to_back_up(call: Any, folder: Path) -> None:
    assert "There is nothing to back up" in call("backup", "b.tar.gz", code=2)[1]
    assert list(folder.iterdir()) == []


def test_an_empty_folder_is_filled(call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder / "data")
    call("backup", "b.tar.gz")
    (folder / "other").mkdir(mode=0o755)
    assert restored(call, monkeypatch, folder).assets.get("prod").config == FIELDS
    assert (folder / "other").stat().st_mode & 0o777 == 0o700


def archive(folder: Path, **members: bytes) -> None:
    with tarfile.open(folder / "b.tar.gz", "w:gz") as target:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))


def link(folder: Path) -> None:
    with tarfile.open(folder / "b.tar.gz", "w:gz") as target:
        entry = tarfile.TarInfo("vault/a")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        target.addfile(entry)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: (folder / "b.tar.gz").write_bytes(b"no archive"), "it is damaged"),
        (lambda folder: (folder / "b.tar.gz").write_bytes(b""), "it is damaged"),
        (lambda folder: archive(folder, **{"vault/../../evil": b"x"}), "it holds 'vault/../../evil'"),
        (lambda folder: archive(folder, **{"/etc/evil": b"x"}), "it holds '/etc/evil'"),
        (lambda folder: archive(folder, other=b"x"), "it holds 'other'"),
        (link, "it holds 'vault/a'"),
        (lambda folder: archive(folder, **{"secret.key": b"x"}), "it has no store.db"),
        (lambda folder: archive(folder, **{"store.db": b"x" * 5000}), "is damaged"),
        (lambda folder: None, "No such file or directory"),
    ],
)
def test_what_is_no_backup_changes_nothing(
    call: Any, folder: Path, make: Callable[[Path], None], why: str
) -> None:
    make(folder)
    before = set(folder.rglob("*"))
    _, err = call("restore", "b.tar.gz", code=2)
    assert why in err
    assert err.count("\n") == 1
    assert set(folder.rglob("*")) == before


def test_a_backup_that_is_cut_short_changes_nothing(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "data")
    call("backup", "whole.tar.gz")
    octets = (folder / "whole.tar.gz").read_bytes()
    monkeypatch.setenv(HOME_VARIABLE, str(folder / "other"))
    for length in (len(octets) // 3, len(octets) - 20):
        (folder / "b.tar.gz").write_bytes(octets[:length])
        assert "b.tar.gz" in call("restore", "b.tar.gz", code=2)[1]
        assert not (folder / "other").exists()


def test_people_come_back_while_the_console_goes_on(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "data")
    database = PeopleDatabase(folder / "data")
    jane = Users(database).add("jane", "correct horse battery", Role.ADMINISTRATOR)
    session = Sessions(database).begin(Person("jane", Role.ADMINISTRATOR, jane.id))
    has_written, stop = threading.Event(), threading.Event()

    def write() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            Audit(database).write("jane", "file added", str(count), recipients=["bob@example.com"])
            has_written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert has_written.wait(30)
        call("backup", "b.tar.gz")
    finally:
        stop.set()
        writer.join()
    people = PeopleDatabase(restored(call, monkeypatch, folder).folder)
    assert Users(people).check("jane", "correct horse battery") is not None
    found = Sessions(people).find(session)
    assert found is not None
    assert found.person.name == "jane"
    lines = Audit(people).list(10**6)
    assert [line.target for line in lines] == [str(count) for count in range(len(lines), 0, -1)]
    assert lines[0].detail == {"recipients": ["bob@example.com"]}


def test_a_folder_that_knows_people_alone_comes_back(
    call: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Users(PeopleDatabase(folder / "data")).add("jane", "correct horse battery", Role.VIEWER)
    call("backup", "b.tar.gz")
    home = restored(call, monkeypatch, folder)
    assert [user.name for user in Users(PeopleDatabase(home.folder)).list()] == ["jane"]
    assert home.assets.list() == ()


def test_a_newer_versions_people_are_left_alone(call: Any, folder: Path) -> None:
    database = PeopleDatabase(folder / "data")
    with database.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "was made by a newer version" in call("backup", "b.tar.gz", code=2)[1]
    assert not (folder / "b.tar.gz").exists()
