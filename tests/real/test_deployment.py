"""The units of docs/deployment.md, read by systemd's own tools; the script that installs, with what it depends on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
WORST = 1.5
"""Exposure out of 10, as systemd counts it."""


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """As they would be installed, for the asset `prod`, with a command that is there."""
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/smtp-connector/bin/smtp-connector", "/bin/true")
        for name in (unit.name, unit.name.replace("@.", "@prod.")):
            (tmp_path / name).write_text(text, encoding="utf-8")
    return sorted(tmp_path.glob("*@prod.*"))


def test_systemd_understands_every_line(units: list[Path]) -> None:
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_drop_in_for_the_key_is_understood_too(units: list[Path], tmp_path: Path) -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (drop_in,) = re.findall(r"^```ini\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert "LoadCredential=smtp-connector.key:" in drop_in
    (service,) = [unit for unit in units if unit.suffix == ".service"]
    folder = tmp_path / f"{service.name}.d"
    folder.mkdir()
    (folder / "override.conf").write_text(drop_in, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", service], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (folder / "override.conf").write_text(drop_in.replace("smtp-connector.key:", "a/b:"), encoding="utf-8")
    wrong = subprocess.run(["systemd-analyze", "verify", service], capture_output=True, text=True)
    assert "override.conf" in wrong.stderr, "what is wrong in a drop-in would be told"


def test_services_are_confined(units: list[Path]) -> None:
    services = [unit for unit in units if unit.suffix == ".service"]
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", *services],
        capture_output=True,
        text=True,
    )
    exposures = [float(found) for found in re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)]
    assert len(exposures) == len(services), done.stderr
    assert max(exposures) <= WORST
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"rates its exposure {max(exposures)} of 10" in page


@pytest.mark.timeout(600)
def test_a_checkout_is_installed_with_all_that_it_depends_on_and_sends_mail(tmp_path: Path) -> None:
    target = tmp_path / "opt"
    done = subprocess.run(
        ["/bin/sh", DEPLOY / "install.sh", ROOT, target],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(
        [target / "bin" / "smtp-connector", "demo"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Nothing was left behind." in shown.stdout
