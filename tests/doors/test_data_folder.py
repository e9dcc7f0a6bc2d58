"""A data folder that can't be used, as root and as nobody: a line that says why, exit code 2, nothing sent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doors.cli.terminal import PROGRAM
from host.local.home import Home
from tests.support.catcher import Catcher

ROOT = Path(__file__).resolve().parents[2]
NOBODY, NO_USER_ENTRY = 65534, 54321
MAIL = ("--to", "jane@example.com", "--body", "x")
CALLS = (
    ("send", "--asset", "./asset.json", *MAIL),
    ("send", "--asset", "prod", *MAIL),
    ("preview", "--asset", "./asset.json", *MAIL),
    ("asset", "list"),
    ("asset", "add", "other", "--set", "server=mx"),
    ("asset", "test", "prod"),
    ("vault", "add", "asset.json"),
    ("runs", "list"),
)
# The interpreter may be where nobody else can read it, so everything is loaded before the user is changed.
DRIVER = """
import contextlib, io, json, os, resource, sys
given = json.loads(sys.argv[1])
import delivery.certificates  # which TLS alone needs
from delivery.pool import Pool
from doors.cli.command_line import main

def call(argv):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv, Pool())
    return code, out.getvalue(), err.getvalue()

os.environ["SMTP_CONNECTOR_HOME"] = given["trial"]
for argv in given["calls"]:
    call(argv)
del os.environ["SMTP_CONNECTOR_HOME"], os.environ["HOME"]
os.environ.update(given["environment"])
if given["user"] and os.geteuid() == 0:
    os.setgroups([])
    os.setgid(given["user"])
    os.setuid(given["user"])
if given["full"]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
told = [call(argv) for argv in given["calls"]]
os.write(1, json.dumps(told).encode())
"""


@pytest.fixture
def server() -> Iterator[Catcher]:
    with Catcher() as running:
        yield running


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder / "data", folder / "data" / "secret.key"):
        if path.exists():
            path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def tried(place: Path, server: Catcher) -> Callable[..., list[tuple[int, str, str]]]:
    """All calls, by `user` with these variables; a list of exit code and what was printed."""

    def run(*, user: int = 0, full: bool = False, **environment: str) -> list[tuple[int, str, str]]:
        server.write_asset(place / "asset.json", "a@example.com")
        given: dict[str, Any] = {
            "trial": str(place / "trial"),
            "calls": CALLS,
            "environment": environment,
            "user": user,
            "full": full,
        }
        before = len(server.messages)
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, json.dumps(given)],
            cwd=place,
            env={
                "PYTHONPATH": str(ROOT),
                "HOME": str(place),
                "PATH": os.defpath,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        assert len(server.messages) == before + 1, "only the trial's mail, before the folder was unusable"
        return [(code, out, err) for code, out, err in json.loads(done.stdout)]

    return run


def told_in_a_line(calls: list[tuple[int, str, str]], *why: str) -> None:
    """Each call ended with exit code 2 and one line that says why, or did not need what is missing."""
    assert calls[0][0] == calls[1][0] == 2, calls[:2]
    for code, out, err in calls:
        assert code in (0, 2), err
        if code == 0:
            continue
        assert out == ""
        assert err.startswith(f"{PROGRAM}: ")
        assert err.count("\n") == 1
        assert any(text in err for text in (*why, "vault can't be made")), err
        for wrong in ("Traceback", "unexpected", "unknown", "may have been"):
            assert wrong not in err


def used(place: Path, user: int = 0) -> Path:
    """A data folder that has an asset, of that user."""
    home = Home(place / "data")
    home.assets.add("prod", {"server": "mx"})
    assert home.runs.list() == ()
    if os.geteuid() == 0:
        for path in (home.folder, *home.folder.rglob("*")):
            os.chown(path, user, user)
    return home.folder


@pytest.mark.parametrize(("user", "name"), [(NOBODY, "file/below"), (0, "file")])
def test_it_is_no_folder(tried: Any, place: Path, user: int, name: str) -> None:
    (place / "file").touch()
    calls = tried(user=user, SMTP_CONNECTOR_HOME=str(place / name))
    told_in_a_line(
        calls, "can't be made: File exists", "can't be made: Not a directory", "There is no stored asset"
    )


def test_a_user_without_a_home_folder(tried: Any) -> None:
    if os.geteuid() == 0:
        told_in_a_line(tried(user=NO_USER_ENTRY), "This user has no home folder: name the data folder with")
    home = "~no-such-user/data"
    told_in_a_line(tried(SMTP_CONNECTOR_HOME=home), "and that user has no home folder")


def test_a_home_folder_that_cannot_be_made(tried: Any, place: Path) -> None:
    (place / "file").touch()
    calls = tried(user=NOBODY, HOME=str(place / "file"))
    told_in_a_line(calls, "Choose another one with SMTP_CONNECTOR_HOME", "There is no stored asset")


def test_a_folder_of_somebody_else(tried: Any, place: Path) -> None:
    folder = used(place)
    if os.geteuid() != 0:
        folder.chmod(0)
    told_in_a_line(tried(user=NOBODY, SMTP_CONNECTOR_HOME=str(folder)), "can't be read: Permission denied")


def test_a_folder_that_everybody_can_read_and_nobody_else_write(tried: Any, place: Path) -> None:
    folder = used(place)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    told_in_a_line(
        tried(user=NOBODY, SMTP_CONNECTOR_HOME=str(folder)),
        "attempt to write a readonly database",
        "holders can't be made: Permission denied",  # a run finds out earlier; what only reads is given what is there
    )
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "mode", "why"),
    [
        ("", 0o500, "holders can't be made: Permission denied"),
        ("", 0, "can't be read: Permission denied"),
        ("secret.key", 0, "secret.key can't be read: Permission denied"),
        ("store.db", 0o400, "attempt to write a readonly database"),
        ("store.db", 0, "store.db can't be used: unable to open database file"),
    ],
)
def test_ones_own_folder_with_wrong_permissions(
    tried: Any, place: Path, name: str, mode: int, why: str
) -> None:
    folder = used(place, NOBODY)
    (folder / name).chmod(mode)
    told_in_a_line(
        tried(user=NOBODY, SMTP_CONNECTOR_HOME=str(folder)), why, "attempt to write a readonly database"
    )


@pytest.mark.parametrize(("user", "is_new"), [(NOBODY, False), (0, True)])
def test_a_disk_that_takes_nothing_more(tried: Any, place: Path, user: int, is_new: bool) -> None:
    if not is_new:
        used(place, user)
    else:
        (place / "data").mkdir()
        if os.geteuid() == 0:
            os.chown(place / "data", user, user)
    calls = tried(user=user, full=True, SMTP_CONNECTOR_HOME=str(place / "data"))
    told_in_a_line(
        calls, "File too large", "disk I/O error", "There is no stored asset", "database or disk is full"
    )
