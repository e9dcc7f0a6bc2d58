"""A fresh environment with the wheel of this checkout, installed without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Mapping
from pathlib import Path

from tests.support.archives import unpack
from tools.distribution import ALONE, PACKAGE, ROOMS

ROOT = Path(__file__).resolve().parents[2]
NEEDED_TO_BUILD = (
    *ROOMS,
    "docs",
    "tools",
    "requirements",
    *(f"{name}.py" for name in (PACKAGE, *ALONE, "setup")),
    "MANIFEST.in",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "connector.json",
    "smtp_connector.svg",
    "smtp_connector_dark.svg",
    "smtp_result_view.html",
)


def build_wheel(folder: Path) -> Path:
    """The wheel, made from the source distribution, made from a copy of this checkout, all below `folder`."""
    copy = folder / "checkout"
    copy.mkdir()
    for name in NEEDED_TO_BUILD:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    program = "import sys, setuptools.build_meta as backend; print(backend.build_sdist(sys.argv[1]))"
    run([sys.executable, "-c", program, str(folder)], copy)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        unpack(opened, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(
        [*_pip(), "wheel", "--no-build-isolation", "--no-deps", f"--wheel-dir={folder}", str(unpacked)],
        folder,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


class Installed:
    """The environment. What the wheel depends on is found in the environment that the tests run in, as if installed."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.command = folder / "bin" / "smtp-connector"
        venv.create(folder, with_pip=False, symlinks=True)
        run([*_pip(), "--python", str(self.python), "install", "--no-deps", "--no-index", str(wheel)], folder)
        (self.packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.folder / "lib" / version / "site-packages"

    def add_package(self, name: str, text: str) -> None:
        """Somebody else's package, installed beside."""
        (self.packages / name).mkdir()
        (self.packages / name / "__init__.py").write_text(text)

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program in the environment, away from the checkout and with a data folder of its own."""
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )

    def environment(self) -> Mapping[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))
        }
        return {**kept, "SMTP_CONNECTOR_HOME": str(self.folder / "data")}


def run(command: list[str], cwd: Path) -> None:
    """Raises `AssertionError` with what the program printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def _pip() -> list[str]:
    return [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
