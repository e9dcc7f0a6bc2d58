"""The vault: what goes in, what is found, and what is refused."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from pathlib import Path

import pytest

from actions.contract import VaultError
from host.local.home import Home
from host.local.vault import Vault
from tests.host.processes import python, start

CONTENT = b"evidence\r\n\0\xff"
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Home(tmp_path / "data").vault


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.txt"
    path.write_bytes(CONTENT)
    return path


def files_in(vault: Vault) -> list[Path]:
    return [path for path in (vault_folder(vault)).rglob("*") if path.is_file()]


def vault_folder(vault: Vault) -> Path:
    return vault.find(SHA1).path.parent.parent


def test_the_id_is_the_sha1_of_the_content(vault: Vault, file: Path) -> None:
    added = vault.add(file)
    assert (added.vault_id, added.name, added.size) == (SHA1, "evidence.txt", len(CONTENT))
    assert added.path.read_bytes() == CONTENT
    assert added.path.parts[-3:] == ("vault", SHA1[:2], SHA1)


def test_it_is_found_by_its_id_in_either_case(vault: Vault, file: Path) -> None:
    assert vault.find(vault.add(file).vault_id.upper()).vault_id == SHA1


def test_the_same_content_twice_is_one_file_with_two_records(vault: Vault, file: Path) -> None:
    vault.add(file, "1")
    vault.add(file, "2", name="other.csv")
    assert len(files_in(vault)) == 1
    assert [(r.name, r.container_id, r.mime_type) for r in vault.records(SHA1)] == [
        ("other.csv", "2", "text/csv"),
        ("evidence.txt", "1", "text/plain"),
    ]


def test_the_containers_own_name_comes_first_then_anybodys(vault: Vault, file: Path) -> None:
    vault.add(file, "1", name="mine")
    vault.add(file, "2", name="yours")
    assert vault.find(SHA1, "1").name == "mine"
    assert vault.find(SHA1, "3").name == "yours"


def test_list_shows_all_or_one_containers(vault: Vault, file: Path) -> None:
    vault.add(file, "1")
    vault.add(file, "2")
    assert [record.container_id for record in vault.list()] == ["2", "1"]
    assert [record.container_id for record in vault.list("1")] == ["1"]


@pytest.mark.parametrize(
    "vault_id",
    [
        "",
        "..",
        f"../{SHA1}",
        SHA1[:-1],
        f"{SHA1}0",
        f"{SHA1}\n",
        f"{SHA1[:-1]}g",
        f"{SHA1[:38]}/.",
        "\0" * 40,
        "٠" * 40,
    ],
)
def test_what_is_no_id_never_becomes_a_path(vault: Vault, vault_id: str) -> None:
    with pytest.raises(VaultError, match="is not a vault id"):
        vault.find(vault_id)


def test_an_unknown_id_is_named(vault: Vault) -> None:
    with pytest.raises(VaultError, match=f"Vault id {SHA1} is not in the vault"):
        vault.find(SHA1)


def test_a_vanished_file_is_named(vault: Vault, file: Path) -> None:
    vault.add(file).path.unlink()
    with pytest.raises(VaultError, match=f"{SHA1} can't be used: No such file"):
        vault.find(SHA1)


def test_a_file_that_changed_its_size_is_named(vault: Vault, file: Path) -> None:
    vault.add(file).path.write_bytes(CONTENT[:-1])
    with pytest.raises(VaultError, match=f"{SHA1} has changed: 11 octets now, 12 when"):
        vault.find(SHA1)


def test_a_link_in_the_vault_is_not_followed(vault: Vault, file: Path, tmp_path: Path) -> None:
    path = vault.add(file).path
    path.unlink()
    path.symlink_to(file)
    with pytest.raises(VaultError, match=f"{SHA1} can't be used"):
        vault.find(SHA1)


def test_a_linked_folder_in_the_vault_is_not_followed(vault: Vault, file: Path, tmp_path: Path) -> None:
    folder = vault.add(file).path.parent
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    with pytest.raises(VaultError, match=f"{SHA1} lies behind a link"):
        vault.find(SHA1)


def test_a_data_folder_behind_a_link_is_fine(file: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    vault = Home(tmp_path / "link").vault
    vault.add(file)
    assert vault.find(SHA1).path.read_bytes() == CONTENT


def test_folders_fifos_and_devices_are_refused_at_once(vault: Vault, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, said in (
        (tmp_path, "a folder"),
        (tmp_path / "fifo", "not a regular"),
        (Path("/dev/zero"), "not a regular"),
    ):
        with pytest.raises(VaultError, match=f"is {said}"):
            vault.add(path)


def test_a_fifo_in_the_place_of_a_vault_file_is_refused_at_once(vault: Vault, file: Path) -> None:
    path = vault.add(file).path
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(VaultError, match="regular file"):
        vault.find(SHA1)


def test_a_file_that_is_not_there_is_named(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"nothing\.txt' can't be used: No such file"):
        vault.add(tmp_path / "nothing.txt")


def test_a_name_that_could_not_be_shown_is_made_harmless(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"two\nlines\xff.txt")
    path.write_bytes(CONTENT)
    assert vault.add(path).name == "two_lines_.txt"


def test_an_empty_file_can_be_kept(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert vault.find(vault.add(tmp_path / "empty").vault_id).size == 0


def test_what_a_killed_process_left_goes_in_the_end(vault: Vault, file: Path) -> None:
    root = vault.add(file).path.parent.parent
    for name, age in ((".old.tmp", 2 * 24 * 3600), (".new.tmp", 60)):
        (root / name).write_bytes(b"half a file")
        os.utime(root / name, (time.time() - age,) * 2)
    vault.add(file)
    assert [path.name for path in root.glob(".*")] == [".new.tmp"]


FULL = """
import resource, signal, sys
from pathlib import Path
from actions.contract import VaultError
from host.local.home import Home
home = Home(Path(sys.argv[1]) / "data")
home.vault.list()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # half of a compiled module would stay behind
resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, resource.RLIM_INFINITY))
(Path(sys.argv[1]) / "large").write_bytes(b"x" * 900000)
with (Path(sys.argv[1]) / "large").open("ab") as file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    file.write(b"x" * 900000)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, resource.RLIM_INFINITY))
try:
    home.vault.add(Path(sys.argv[1]) / "large")
except VaultError as error:
    print(error)
print(home.vault.list(), [path for path in (home.folder / "vault").rglob("*") if path.is_file()])
"""


def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    message, left = python(FULL, tmp_path).stdout.splitlines()
    assert "can't be used: File too large" in message
    assert left == "() []"


ADD = """
import sys
from pathlib import Path
from host.local.home import Home
vault = Home(Path(sys.argv[1])).vault
for turn in range(5):
    print(vault.find(vault.add(Path(sys.argv[2]), sys.argv[3]).vault_id, sys.argv[3]).vault_id)
"""


def test_processes_may_add_the_same_file_at_once(vault: Vault, file: Path, tmp_path: Path) -> None:
    started = [start(ADD, tmp_path / "data", file, number) for number in range(6)]
    done = [one.finish() for one in started]
    assert {line for one in done for line in one.stdout.split()} == {SHA1}, [one.stderr for one in done]
    assert len(vault.list()) == 30
    assert len(files_in(vault)) == 1


def test_memory_does_not_grow_with_the_file(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"x")
    vault.add(tmp_path / "small")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    vault.add(tmp_path / "large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024
