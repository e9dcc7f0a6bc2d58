"""A process that is killed while it writes, or has no room to: what it said it had kept is kept, all of it whole."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from host.local.files import StoreError
from host.local.home import Home
from tests.host.processes import ROOT, python, start
from tests.support.catcher import Catcher
from tests.support.running import asset

WRITE_EVERYTHING = """
import os, sys
from pathlib import Path
from host.local.files import StoreError
from host.local.home import Home
from host.local.ledger import Heading
from tests.support.ledgers import Written
home, number = Home(Path(sys.argv[1])), sys.argv[2]
file = Path(sys.argv[1] + number)
print("ready", flush=True)
for turn in range(1000):
    name = f"{number}-{turn}"
    home.assets.add(name, {"password": name, "rest": "x" * 20000})
    print("asset", name, flush=True)
    file.write_bytes(name.encode() * 40000)
    print("vault", home.vault.add(file, "1", name).vault_id, flush=True)
    Written(home.folder, Heading("send email", name, "", "")).whole({"to": name, "subject": "x" * 50000})
    print("run", name, flush=True)
    home.state("1").save({"one": name * 5000, "two": name * 5000})
    if turn % 3 == 0:
        home.runs.list()
"""


def kept(home: Home, said: list[str]) -> None:
    """All that was said to be kept is there, and all that is there is whole."""
    assets = {one.name for one in home.assets.list()}
    assert all(home.assets.get(name).config["password"] == name for name in assets)
    records = home.vault.list()
    for record in records:
        assert hashlib.sha1(home.vault.find(record.vault_id).path.read_bytes()).hexdigest() == record.vault_id
    runs = [home.runs.get(entry.id) for entry in home.runs.list(limit=10_000)]
    assert all(run.parameters == [{"to": run.entry.asset, "subject": "x" * 50000}] for run in runs)
    assert len({run.entry.asset for run in runs}) == len(runs)
    state = home.state("1").load()
    assert state.get("one") == state.get("two")
    there = {
        *(f"asset {name}" for name in assets),
        *(f"vault {record.vault_id}" for record in records),
        *(f"run {run.entry.asset}" for run in runs if run.entry.state == "ended"),
    }
    assert {line for line in said if line != "ready"} <= there


def heard(process: subprocess.Popen[str]) -> str:
    """The next line that it says."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def test_two_processes_killed_at_any_moment_leave_everything_whole(tmp_path: Path) -> None:
    home, chance, said = Home(tmp_path / "data"), random.Random(5), list[str]()
    home.assets.add("first", {"password": "first"})
    for turn in range(3):
        writers = [start(WRITE_EVERYTHING, home.folder, f"{turn}{number}") for number in range(2)]
        assert [heard(writer.process) for writer in writers] == ["ready"] * 2
        said += [heard(writers[turn % 2].process) for _ in range(chance.randint(4, 8))]
        time.sleep(chance.uniform(0.0, 0.05))
        for writer in writers:
            writer.process.kill()
        said += [line for writer in writers for line in writer.finish().stdout.splitlines()]
        kept(home, [line for line in said if len(line.split()) == 2])
    assert len(said) >= 10


def test_a_database_that_another_process_keeps_busy_is_named_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.local.sql.BUSY_TIMEOUT", 0.2)
    home = Home(tmp_path / "data")
    home.assets.add("first", {"password": "first"})
    with closing(sqlite3.connect(home.folder / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            StoreError, match=r"was in use elsewhere for 0\.2 s\. Nothing was changed; try again"
        ):
            home.assets.add("second", {})
        assert [one.name for one in home.assets.list()] == ["first"]
    home.assets.add("second", {})


def run_without_room(home: Path, asset: dict[str, Any], octets: int) -> subprocess.CompletedProcess[str]:
    """An action run that can write no file of more than so many octets."""
    limited = (
        "import resource, runpy, sys\n"
        "sys.dont_write_bytecode = True\n"  # half of a compiled module would stay behind
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({octets}, {octets}))\n"
    )
    call = ["smtp_connector.py", "run", "send email", "--asset", str(home.parent / "asset.json"), "--params"]
    (home.parent / "asset.json").write_text(json.dumps(asset))
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"{limited}sys.argv = {[*call, json.dumps({'to': 'jane@example.com', 'body': 'x'})]!r}\n"
            "runpy.run_path('smtp_connector.py', run_name='__main__')",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "SMTP_CONNECTOR_HOME": str(home)},
        check=False,
    )


READ_ONLY = """
import json, os, sys
from pathlib import Path
from smtp_connector import act
from host.local.files import StoreError
fields, folder = json.loads(sys.argv[1]), Path(sys.argv[2])
os.environ["SMTP_CONNECTOR_HOME"] = str(folder)
mail = {"to": "jane@example.com", "body": "x"}
print(act("send email", mail, fields)[0].outcome)
for path in [folder, *folder.rglob("*")]:
    path.chmod(0o555 if path.is_dir() else 0o444)
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    act("send email", mail, fields)
except StoreError as error:
    print(error)
"""


def test_in_a_folder_that_is_read_only_nothing_is_sent_and_that_is_said() -> None:
    with Catcher() as catcher, TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        home = Path(name, "data")
        done = python(READ_ONLY, json.dumps(asset(catcher)), home)
        first, said = done.stdout.splitlines()
        assert len(catcher.messages) == 1
        before = [entry.state for entry in Home(home).runs.list()]
    assert (first, before) == ("sent", ["ended"])
    assert str(home) in said
    assert "Nothing was changed. Check its permissions and free space." in said or "Permission denied" in said


@pytest.mark.parametrize("octets", [0, 20, 100, 5000, 20_000, 40_000, 60_000])
def test_without_room_to_write_it_down_first_nothing_is_sent(tmp_path: Path, octets: int) -> None:
    home = tmp_path / "data"
    with Catcher() as catcher:
        asset = {
            "server": catcher.host,
            "port": catcher.port,
            "ssl_config": "None",
            "sender_address": "a@b.test",
        }
        done = run_without_room(home, asset, octets)
        came = len(catcher.messages)
    assert "Traceback" not in done.stderr
    if came:
        assert (done.returncode, json.loads(done.stdout)["message"]) == (0, "Email sent")
        return
    said = json.loads(done.stdout)["message"] if done.stdout else done.stderr
    assert done.returncode in (1, 2)
    assert any(reason in said for reason in ("File too large", "disk I/O error", "disk is full")), said
    assert "Nothing was sent" in said or done.returncode == 2
    assert all(
        one.state != "unknown" for run in Home(home).runs.list() for one in Home(home).runs.get(run.id).mails
    )
