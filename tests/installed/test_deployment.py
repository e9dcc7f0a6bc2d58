"""docs/deployment.md: the script that installs, and the files that it speaks of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed.environment import ROOT

DEPLOY = ROOT / "deploy"
TEXT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")


def install(source: Path, target: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """Without what it depends on: there may be no network."""
    away = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "SMTP_CONNECTOR_HOME": str(target.parent / "data")}
    environment = {**os.environ, "PYTHON": python, **away}
    return subprocess.run(
        ["/bin/sh", DEPLOY / "install.sh", source, target], env=environment, capture_output=True, text=True
    )


def an_older_one(target: Path) -> Path:
    """An installation that is there already, as far as the script can see; a file that only it has."""
    left_over = target / "lib" / "left-over"
    for path in (left_over, target / "bin" / "smtp-connector"):
        path.parent.mkdir(parents=True)
        path.touch()
    return left_over


@pytest.mark.timeout(600)
def test_the_script_installs_a_wheel_tries_it_and_replaces_what_was_there(
    wheel: Path, tmp_path: Path
) -> None:
    target = tmp_path / "opt" / "smtp-connector"
    left_over = an_older_one(target)
    done = install(wheel, target)
    assert (done.returncode, done.stdout) == (0, f"Installed: {target}/bin/smtp-connector\n"), done.stderr
    assert os.access(target / "bin" / "smtp-connector", os.X_OK)
    assert list(target.rglob("smtp_connector/__pycache__/app.*.pyc"))
    assert not left_over.exists()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.timeout(600)
def test_what_is_installed_stays_when_the_new_one_can_t_be_installed(tmp_path: Path) -> None:
    target = tmp_path / "opt" / "smtp-connector"
    left_over = an_older_one(target)
    assert install(tmp_path / "no-such.whl", target).returncode != 0
    assert left_over.exists()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_folder_with_anything_else_in_it_is_left_alone(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "letters.txt").write_text("Dear Jane")
    done = install(wheel, tmp_path / "opt")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "is not empty, and holds no smtp-connector. Nothing was changed" in done.stderr
    assert [path.name for path in (tmp_path / "opt").iterdir()] == ["letters.txt"]


def test_what_the_script_needs_is_said() -> None:
    done = subprocess.run(["/bin/sh", DEPLOY / "install.sh"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "install.sh SOURCE TARGET" in done.stderr


def test_an_old_python_is_told_and_nothing_is_made(wheel: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = install(wheel, tmp_path / "opt", str(old))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "older than Python 3.11" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_what_the_container_copies_and_runs_is_here() -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+) ", CONTAINERFILE, re.MULTILINE)
    scripts = re.findall(r"^RUN sh /source/(\S+) ", CONTAINERFILE, re.MULTILINE)
    assert all((ROOT / source).exists() for source in sources)
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    assert scripts == ["deploy/install.sh"]
    assert 'ENTRYPOINT ["smtp-connector"]' in CONTAINERFILE
    assert CONTAINERFILE.index("USER smtp-connector") < CONTAINERFILE.index("ENTRYPOINT")


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_the_page_speaks_of_every_file(path: Path) -> None:
    assert f"deploy/{path.name}" in TEXT


def test_all_name_the_same_places() -> None:
    unit = (DEPLOY / "smtp-connector-check@.service").read_text(encoding="utf-8")
    for text in (unit, CONTAINERFILE, TEXT):
        assert "/opt/smtp-connector" in text
    assert "SMTP_CONNECTOR_HOME=%S/smtp-connector" in unit  # %S is /var/lib
    assert "SMTP_CONNECTOR_HOME=/var/lib/smtp-connector" in CONTAINERFILE
    assert "SMTP_CONNECTOR_HOME=/var/lib/smtp-connector" in TEXT
